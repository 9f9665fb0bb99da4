"""Somebody else's ETL starts our pipeline on a real worker: by `run_deployment`, by an event.

The third way, as a subflow, is `docs/examples/inside_a_flow.py`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
import sqlalchemy as sa
import yaml

from training.artifacts import ArtifactStore
from training.config.sources import SampleSource
from training.data.sources import read_rows
from training.registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
EXAMPLES = ROOT / "docs/examples/with_worker"


class Place:
    """A server with its services and a worker in our environment; and a project of theirs.

    Attributes:
        ours: where our deployment runs.
        theirs: a folder with packages `flows` and `tasks` that have nothing to do with ours.
    """

    def __init__(self, folder: Path) -> None:
        self.ours, self.theirs = folder / "ours", folder / "theirs"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.api_url = f"http://127.0.0.1:{port}/api"
        self.environment = os.environ | {
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
            "RETRAIN_ETL_URL": f"sqlite:///{folder}/etl.db",
        }
        self._make_folders()
        self._started: list[subprocess.Popen[bytes]] = []
        self._start("server", "start", "--host", "127.0.0.1", "--port", str(port))
        self._wait()
        self.call(BIN / "prefect", "work-pool", "create", "retrain", "--type", "process")
        self._deploy()
        self._start("worker", "start", "--pool", "retrain")

    def _make_folders(self) -> None:
        self.ours.mkdir()
        for name in ("flows", "tasks", "training"):
            (self.ours / name).symlink_to(ROOT / name)
            (self.theirs / name).mkdir(parents=True)
            (self.theirs / name / "__init__.py").touch()

    def _deploy(self) -> None:
        config = yaml.safe_load((ROOT / "configs/pipeline.yaml").read_text())
        for section in ("extract", "publish"):
            config[section]["url"] = self.environment["RETRAIN_ETL_URL"]
        config["retrain"]["training"]["epochs"] = 2
        deployment = {
            "name": "pipeline",
            "entrypoint": "flows/pipeline.py:pipeline",
            "work_pool": {"name": "retrain"},
            "parameters": {"config": config, "storage": str(self.ours / "storage")},
        }
        here = {"prefect.deployments.steps.set_working_directory": {"directory": str(self.ours)}}
        file = self.ours / "prefect.yaml"
        file.write_text(yaml.safe_dump({"pull": [here], "deployments": [deployment]}))
        self.call(BIN / "prefect", "--no-prompt", "deploy", "--all", cwd=self.ours)

    def _start(self, *words: str) -> None:
        with (self.ours / f"{words[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                [BIN / "prefect", *words],
                cwd=self.ours,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)

    def _wait(self) -> None:
        for _ in range(900):
            try:
                with urlopen(f"{self.api_url}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("the server did not start")

    def call(self, *words: str | Path, cwd: Path | None = None) -> str:
        """A command in their folder; what it printed."""
        done = subprocess.run(
            words,
            cwd=cwd or self.theirs,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.log()
        return done.stdout

    def log(self) -> str:
        """The end of the worker's."""
        log = self.ours / "worker.log"
        return log.read_text()[-3000:] if log.exists() else ""

    def runs(self) -> list[dict[str, Any]]:
        """All flow runs of our flow, the first one first."""
        body = {"flows": {"name": {"any_": ["pipeline"]}}, "sort": "START_TIME_ASC"}
        found: list[dict[str, Any]] = self.ask("flow_runs/filter", body)
        return found

    def ask(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Ask the server."""
        header = {"Content-Type": "application/json"}
        request = Request(f"{self.api_url}/{path}", json.dumps(body).encode(), header)
        with urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def published(self) -> list[tuple[str, str]]:
        """Slot and model of each row in the table of predictions."""
        engine = sa.create_engine(self.environment["RETRAIN_ETL_URL"], poolclass=sa.NullPool)
        with engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT slot, model FROM predictions ORDER BY slot"))
            return [(row.slot, row.model) for row in rows]

    def stop(self) -> None:
        for process in reversed(self._started):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Server, worker, our deployment on a database with the packaged S&P 500."""
    folder = tmp_path_factory.mktemp("ways")
    prices = read_rows(SampleSource(name="sp500")).frame.head(800)
    url = f"sqlite:///{folder}/etl.db"
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        prices.to_sql("prices", connection, index=False)
    one = Place(folder)
    try:
        yield one
    finally:
        one.stop()


@pytest.mark.slow
def test_by_run_deployment_from_a_project_with_packages_of_the_same_names(place: Place) -> None:
    """Their flow ends when ours has; the one stands within the other."""
    run_id = place.call(sys.executable, EXAMPLES / "by_deployment.py", "2001-06-29").split()[-1]
    (run,) = place.runs()
    assert (run["id"], run["state_type"]) == (run_id, "COMPLETED")
    assert run["parent_task_run_id"] is not None
    assert place.published() == [("2001-06-29", "sp500-direction-etl:1")]


@pytest.mark.slow
def test_by_an_event_that_is_said_twice_it_is_started_once(place: Place) -> None:
    """The moment in the event is that of the pipeline; a repeated event has the same id."""
    place.call(sys.executable, EXAMPLES / "listen.py")
    before = len(place.runs())
    place.call(sys.executable, EXAMPLES / "by_event.py", "2001-07-31")
    place.call(sys.executable, EXAMPLES / "by_event.py", "2001-07-31")
    deadline = time.monotonic() + 120
    while (runs := place.runs()[before:]) == [] or runs[-1]["state_type"] != "COMPLETED":
        assert time.monotonic() < deadline, (runs, place.log())
        time.sleep(0.5)
    time.sleep(3)  # a second start would be seen by now
    (run,) = place.runs()[before:]
    assert run["parameters"]["as_of"] == "2001-07-31"
    registry = ModelRegistry(ArtifactStore(place.ours / "storage"))
    assert registry.numbers("sp500-direction-etl")[-1] == 2
    assert place.published()[-1][0] == "2001-07-31"
