"""A real server, a real worker, and this repository's deployments; started once for all tests."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import UUID

import pytest

from tests.flows.nights import Nights, zygote_of
from training.config.sources import SampleSource
from training.data.sources.sample import read_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.flows.nights import Zygote

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
KILLER = """
import os
import time
from training.callbacks import CallbackBase

class Kill(CallbackBase):
    def __init__(self, marker, times=1):
        self.marker, self.times = marker, times
    def identity(self):
        return None
    def on_batch_end(self, record):
        if (record.epoch, record.batch) != (3, 5):
            return
        with open(self.marker, "a+") as file:
            file.seek(0)
            done = len(file.read())
            file.write("x")
        if done < self.times:
            os.kill(os.getpid(), 9)

class Slow(CallbackBase):
    def identity(self):
        return None
    def on_batch_end(self, record):
        if "RETRAIN_SLOW" in os.environ:
            time.sleep(0.1)
"""


class Place:
    """A server with its services, and a worker; commands are Prefect's own.

    Attributes:
        folder: where deployments are made and run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        known = {name: one for name, one in os.environ.items() if not name.startswith("AWS_")}
        self.environment = known | {
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_SERVICES_TRIGGERS_PROACTIVE_INTERVAL": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "PYTHONPATH": str(folder),
            "RETRAIN_SLOW": "1",
            "RETRAIN_STORAGE": str(folder / "artifacts"),
        }
        self._started = [self._start("server", "start", "--host", "127.0.0.1", "--port", str(port))]
        self._wait_for(f"http://127.0.0.1:{port}/api/health")
        self.api("work_pools/", {"name": "retrain", "type": "process"})
        self._started.append(self._start("worker", "start", "--pool", "retrain"))

    def start_module(self, module: str, **variables: str) -> subprocess.Popen[bytes]:
        """A program of ours that goes on; ended with the rest."""
        command, environment = [sys.executable, "-m", module], self.environment | variables
        with (self.folder / f"{module}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._started.append(process)
        return process

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{arguments[0]}.log").open("wb") as log:
            return subprocess.Popen(
                [BIN / "prefect", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_for(self, url: str) -> None:
        for _ in range(600):
            try:
                with urlopen(url, timeout=5):
                    return
            except (URLError, OSError):
                time.sleep(0.2)
        raise AssertionError("the server did not start")

    def call(self, *arguments: str) -> str:
        """A command of Prefect's; what it printed."""
        return self._call("prefect", "--no-prompt", *arguments)

    def retrain(self, *arguments: str) -> str:
        """A command of ours; what it printed."""
        return self._call("retrain", *arguments)

    def python(self, text: str) -> str:
        """A few lines of Python that ask the server; what they printed."""
        return self._call("python", "-c", text)

    def _call(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [BIN / program, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, config: dict[str, Any], storage: str) -> UUID:
        """Start the deployment `train` with a whole configuration, as a program would."""
        return self.fill_in(config=config, storage=storage)

    def fill_in(self, flow: str = "train", **parameters: Any) -> UUID:  # noqa: ANN401 - fields
        """Start a deployment as its form in the UI would; empty fields are empty."""
        return self.start(flow, {"config": None, "config_file": ""} | parameters)

    def start(
        self, deployment: str, parameters: dict[str, Any], variables: dict[str, Any] | None = None
    ) -> UUID:
        """Start a deployment; what is not given is as it was deployed."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        body |= {"job_variables": variables or {}}
        made = self.api(f"deployments/{self.deployment(deployment)}/create_flow_run", body)
        return UUID(made["id"])

    def deployment(self, name: str) -> str:
        """Its id."""
        return str(self.api(f"deployments/name/{name}/{name}")["id"])

    def api(self, path: str, body: Any = None, method: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """Ask the server."""
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.environment['PREFECT_API_URL']}/{path}"
        request = Request(url, data, {"Content-Type": "application/json"}, method=method)
        while True:
            try:
                with urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except HTTPError as error:
                if error.code != 503:  # SQLite was locked: Prefect's client asks again, too
                    raise
            except TimeoutError:
                if data is not None or method is not None:  # only a question is asked twice
                    raise
            time.sleep(0.5)

    def change(self, flow_run: UUID, config: dict[str, Any]) -> None:
        """Give it another configuration."""
        parameters = self.api(f"flow_runs/{flow_run}")["parameters"] | {"config": config}
        self.api(f"flow_runs/{flow_run}", {"parameters": parameters}, "PATCH")

    def state(self, flow_run: UUID) -> str:
        """The type of its state."""
        return str(self.api(f"flow_runs/{flow_run}")["state"]["type"])

    def until(self, flow_run: UUID, *states: str, seconds: float = 300) -> str:
        """Wait until it is in one of the states."""
        waited = time.monotonic() + seconds
        while (state := self.state(flow_run)) not in states:
            logs = (self.folder / "worker.log").read_text()[-3000:]
            assert time.monotonic() < waited, f"{state}, not {states}: {logs}"
            time.sleep(0.3)
        return state

    def finish(self, flow_run: UUID) -> None:
        """Wait for its end, which must be a good one."""
        ended = self.until(flow_run, "COMPLETED", "FAILED")
        message = self.api(f"flow_runs/{flow_run}")["state"]["message"]
        assert ended == "COMPLETED", message

    def enable(self, automation: str, *, enabled: bool) -> None:
        """Pause an automation, or let it go on."""
        named = {"automations": {"name": {"any_": [automation]}}}
        (found,) = self.api("automations/filter", named)
        self.api(f"automations/{found['id']}", {"enabled": enabled}, "PATCH")

    def kill(self, flow_run: UUID, *, running: bool) -> None:
        """SIGKILL to the run's process: as soon as there is one, or as soon as it is Running."""
        waited = time.monotonic() + 120
        while not (found := _engines(flow_run)) or (running and self.state(flow_run) != "RUNNING"):
            assert time.monotonic() < waited, f"{self.state(flow_run)}: {found}"
            time.sleep(0.02)
        for pid in found:
            os.kill(pid, signal.SIGKILL)

    def tasks(self, flow_run: UUID) -> dict[str, str]:
        """The name of the last state of each task by its name, the latest run of it."""
        body = {"flow_runs": {"id": {"any_": [str(flow_run)]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return {task["name"]: task["state_name"] for task in self.api("task_runs/filter", body)}

    def stop(self) -> None:
        for process in reversed(self._started):
            if process.poll() is not None:
                continue
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _engines(flow_run: UUID) -> list[int]:
    """The processes in which a worker has the flow of a run, as Linux tells them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            ours = f"PREFECT__FLOW_RUN_ID={flow_run}".encode()
            if b"engine\0" in command and ours in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def check_out(folder: Path) -> None:
    """What a worker needs of this repository, and a module of a user's own."""
    for name in ("flows", "tasks", "training", "deployments", "configs"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "killing.py").write_text(KILLER)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Server, worker, the deployments of this repository, made by `prefect deploy`."""
    folder = tmp_path_factory.mktemp("deployed")
    check_out(folder)
    one = Place(folder)
    try:
        one.call("deploy", "--all", "--prefect-file", "deployments/prefect.yaml")
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="module")
def night(place: Place) -> Place:
    """The deployments, with the automations of this repository, and rows to score."""
    rows = read_sample(SampleSource(name="sp500")).frame.tail(300)
    rows.to_csv(place.folder / "rows.csv", index=False)
    files = ("deployments/automations.yaml", "deployments/notifications.yaml")
    assert "go on with crashed runs" in place.retrain("automations", *files)
    return place


@pytest.fixture(scope="module")
def engine() -> Iterator[Zygote]:
    """Trainings in plain Python."""
    yield from zygote_of("engine")


@pytest.fixture(scope="module")
def flow(server: str) -> Iterator[Zygote]:
    """Trainings as Prefect flows on a real server."""
    yield from zygote_of("flow")


@pytest.fixture(scope="module")
def undisturbed(engine: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """The runs that all others are compared with; in plain Python, for flows too."""
    return Nights(engine, tmp_path_factory.mktemp("undisturbed"))
