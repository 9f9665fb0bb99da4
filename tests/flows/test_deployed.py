"""Deployed: a real server, a real worker, a process that is killed, and somebody who retries it."""

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
from urllib.error import HTTPError, URLError
from urllib.request import urlopen
from uuid import UUID

import pytest

from training.artifacts import ArtifactStore
from training.config.load import parse_config
from training.engine import TrainingEngine
from training.registry import ModelRegistry
from training.retraining import Retraining, ledger, retrain
from training.run import RunRecord, TrainingRun, run_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Prefect = Callable[..., str]

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
        self.environment = os.environ | {
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_SERVICES_TRIGGERS_PROACTIVE_INTERVAL": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "PYTHONPATH": str(folder),
            "RETRAIN_SLOW": "1",
        }
        self._started = [self._start("server", "start", "--host", "127.0.0.1", "--port", str(port))]
        self._wait_for(f"http://127.0.0.1:{port}/api/health")
        self.api("work_pools/", {"name": "retrain", "type": "process"})
        self._started.append(self._start("worker", "start", "--pool", "retrain"))

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
        done = subprocess.run(
            [BIN / "prefect", "--no-prompt", *arguments],
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
        """Start the deployment with a whole configuration, as a program would."""
        return self.fill_in(config=config, storage=storage)

    def fill_in(self, flow: str = "train", **parameters: Any) -> UUID:  # noqa: ANN401 - fields
        """Start a deployment as its form in the UI would; empty fields are empty."""
        parameters = {"config": None, "config_file": ""} | parameters
        deployment = self.api(f"deployments/name/{flow}/{flow}")["id"]
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return UUID(self.api(f"deployments/{deployment}/create_flow_run", body)["id"])

    def api(self, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """Ask the server."""
        from urllib.request import Request

        data = None if body is None else json.dumps(body).encode()
        url = f"{self.environment['PREFECT_API_URL']}/{path}"
        request = Request(url, data, {"Content-Type": "application/json"}, method=method)
        with urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

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

    def tasks(self, flow_run: UUID) -> dict[str, str]:
        """The name of the last state of each task by its name, the latest run of it."""
        body = {"flow_runs": {"id": {"any_": [str(flow_run)]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return {task["name"]: task["state_name"] for task in self.api("task_runs/filter", body)}

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
    """Server, worker, the deployments and automations of this repository."""
    folder = tmp_path_factory.mktemp("deployed")
    for name in ("flows", "tasks", "training", "deployments"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "killing.py").write_text(KILLER)
    one = Place(folder)
    try:
        one.call("deploy", "--all", "--prefect-file", "deployments/prefect.yaml")
        yield one
    finally:
        one.stop()


def _config(folder: Path, name: str, times: int = 1, **execution: Any) -> dict[str, Any]:  # noqa: ANN401 - a section
    callback = {"type": "killing:Kill", "marker": str(folder / f"{name}.marker"), "times": times}
    return {
        "name": name,
        "data": {"source": {"type": "sample", "end": "2003-01-01"}},
        "model": {"type": "mlp", "hidden": [8]},
        "training": {"epochs": 4, "batch_size": 32},
        "callbacks": [callback],
        "execution": execution,
    }


def _undisturbed(config: dict[str, Any], storage: Path) -> str:
    run = TrainingRun(parse_config(config | {"callbacks": []}), storage)
    return str(TrainingEngine().finish(run).model["digest"])


def _registered(storage: Path, name: str) -> str:
    registry = ModelRegistry(ArtifactStore(storage))
    assert registry.numbers(name) == [1]
    return registry.get(name).digest


def test_a_killed_run_is_retried_and_shows_what_was_done_as_cached(place: Place) -> None:
    """By a person: `prefect flow-run retry`, or Retry in the UI; other parameters are refused."""
    config, storage = _config(place.folder, "retried"), place.folder / "retried"
    run = place.run(config, str(storage))
    place.until(run, "CRASHED")
    time.sleep(5)  # the worker reports the crash a second time, which would undo the retry
    place.change(run, config | {"training": {"epochs": 5, "batch_size": 32}})
    place.call("flow-run", "retry", str(run))
    assert place.until(run, "FAILED", "COMPLETED") == "FAILED"
    message = place.api(f"flow_runs/{run}")["state"]["message"]
    assert "parameters were changed since: training.epochs 4 -> 5; put them back" in message
    place.change(run, config | {"execution": {"retries": 1}})  # cannot change the result
    place.call("flow-run", "retry", str(run))
    place.until(run, "COMPLETED")
    tasks = place.tasks(run)
    assert [tasks[f"train-epoch {epoch}"] for epoch in (1, 2)] == ["Cached", "Cached"]
    assert [tasks[f"save-checkpoint {epoch}"] for epoch in (1, 2)] == ["Cached", "Cached"]
    assert [tasks[f"train-epoch {epoch}"] for epoch in (3, 4)] == ["Completed", "Completed"]
    assert _registered(storage, "retried") == _undisturbed(config, place.folder / "whole")


def test_a_form_trains_what_the_shell_trains(place: Place) -> None:
    """Field by field, or a file and single keys: equal weights, and the name says what it is."""
    whole = _config(place.folder, "formed") | {"callbacks": []}
    undisturbed = _undisturbed(whole, place.folder / "whole-formed")
    (place.folder / "formed.yaml").write_text(json.dumps(whole | {"training": {"epochs": 9}}))
    form: dict[str, Any] = {
        "name": "formed",
        "data": {"source": "sample", "end": "2003-01-01", "target": "direction"},
        "model": {"type": "mlp", "hidden": [8]},
        "training": {"epochs": 4, "batch_size": 32},
    }
    file: dict[str, Any] = {"config_file": "formed.yaml", "overrides": ["training.batch_size=32"]}
    for way, fields in (("form", form), ("file", file | {"training": {"epochs": 4}})):
        storage = place.folder / f"formed-{way}"
        run = place.fill_in(**fields, storage=str(storage))
        place.until(run, "COMPLETED")
        assert _registered(storage, "formed") == undisturbed
        shown = place.api(f"flow_runs/{run}")
        assert shown["name"] == "train formed"
        assert shown["state"]["message"].startswith("formed:1 completed: new run")


def test_wrong_values_are_refused_by_the_form_or_at_once(place: Place) -> None:
    """Limits and choices by the server; the rest in the shell's words, with nothing written."""
    for refused in ({"training": {"epochs": -1}}, {"model": {"type": "nope"}},
                    {"data": {"validation": 1}}, {"training": {"epoch": 3}}):  # fmt: skip
        with pytest.raises(HTTPError) as error:
            place.fill_in(**refused)
        assert error.value.code == 409
    storage = place.folder / "wrong"
    for fields, words in (
        ({"overrides": ["training.epoch=3"]}, "training.epoch = 3: unknown key; did you mean"),
        ({"data": {"source": "csv", "path": "no.csv"}}, "no.csv"),
    ):
        run = place.fill_in(name="wrong", **fields, storage=str(storage))
        assert place.until(run, "FAILED", "COMPLETED") == "FAILED"
        message = place.api(f"flow_runs/{run}")["state"]["message"]
        assert words in message
        assert "Traceback" not in message
        assert "Error" not in message
    assert not storage.exists()


def test_a_cancelled_run_has_a_checkpoint_and_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled in the UI, in the middle of an epoch; resumed from the shell, to the same end."""
    monkeypatch.syspath_prepend(str(place.folder))
    storage = place.folder / "cancelled"
    config = _config(place.folder, "cancelled") | {"callbacks": [{"type": "killing:Slow"}]}
    run = place.run(config, str(storage))
    place.until(run, "RUNNING")
    store = ArtifactStore(storage)
    while not (names := run_ids(store)) or not RunRecord(store, names[0]).progress() > 1:
        time.sleep(0.2)
    place.api(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    place.until(run, "CANCELLED")
    record = RunRecord(store, names[0])
    (attempt,) = record.attempts()
    assert attempt["ended"]["status"] == "interrupted"
    assert "checkpoint saved" in attempt["ended"]["reason"]
    result = TrainingEngine().finish(TrainingRun(parse_config(config), storage))
    assert result.resumed_from is not None
    assert result.resumed_from["batch"] > 0
    assert result.redone_epochs == 0
    assert result.model["digest"] == _undisturbed(config, place.folder / "whole-cancelled")


@pytest.mark.long
def test_the_automation_goes_on_with_a_crashed_run_until_it_is_enough(place: Place) -> None:
    """Nobody touches it; one that is killed each time ends as Failed, and stays so."""
    place.call("automation", "create", "--from-file", "deployments/automations.yaml")
    once = _config(place.folder, "once")
    ever = _config(place.folder, "ever", times=99, max_attempts=1)
    runs = {
        name: place.run(config, str(place.folder / name))
        for name, config in (("ever", ever), ("once", once))
    }
    place.until(runs["ever"], "FAILED")
    failed = time.monotonic()
    message = place.api(f"flow_runs/{runs['ever']}")["state"]["message"]
    assert "execution.max_attempts = 1" in message
    place.until(runs["once"], "COMPLETED")
    whole = _undisturbed(once, place.folder / "whole-once")
    assert _registered(place.folder / "once", "once") == whole
    store = ArtifactStore(place.folder / "once")
    assert len(RunRecord(store, run_ids(store)[0]).attempts()) == 2
    time.sleep(max(0.0, failed + 18 - time.monotonic()))  # longer than the automation waits
    assert place.state(runs["ever"]) == "FAILED"


def test_a_person_approves_in_the_ui_and_nothing_waited(place: Place) -> None:
    """The retraining ends at once; the flow that asks is suspended until the form is filled in."""
    storage = place.folder / "approved"
    config = parse_config(
        {
            "name": "approved",
            "data": {"source": {"type": "sample", "end": "2003-01-01"}},
            "model": {"type": "mlp", "hidden": [8]},
            "training": {"epochs": 1},
            "promotion": {"rules": [{"type": "approval"}]},
        }
    )
    assert retrain(Retraining(config, storage))["status"] == "awaiting-approval"
    registry = ModelRegistry(ArtifactStore(storage))
    assert registry.alias("approved", "champion") is None
    deployment = place.api("deployments/name/approve/approve")["id"]
    body = {
        "parameters": {"model": "approved:1", "storage": str(storage)},
        "state": {"type": "SCHEDULED"},
    }
    asking = UUID(place.api(f"deployments/{deployment}/create_flow_run", body)["id"])
    place.until(asking, "PAUSED")
    form = {"run_input": {"promote": True, "who": "ann", "why": "looks good"}}
    place.api(f"flow_runs/{asking}/resume", form)
    place.until(asking, "COMPLETED", "FAILED", "CRASHED")
    assert registry.alias("approved", "champion") == 1
    (move,) = registry.alias_history("approved", "champion")
    assert (move.who, move.why.split(";")[0]) == ("ann", "approved by ann: looks good")
    (line,) = ledger(registry.store, "approved")
    assert line["status"] == "promoted"
