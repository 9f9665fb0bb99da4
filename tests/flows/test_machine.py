"""`make up`, `make down`: nothing of anybody else's is ended, and a run at work goes on later."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest

from flows.machine import FOLDER, Machine, _began
from tests.conftest import free_port
from tests.flows.conftest import check_out
from training.artifacts import ArtifactStore
from training.errors import BusyError
from training.registry import ModelRegistry
from training.run import RunRecord, run_ids

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child, in a group of its own."""
    started = subprocess.Popen(["sh", "-c", "sleep 100 & wait"], start_new_session=True)
    yield started
    started.kill()
    started.wait()


def _machine(folder: Path, port: int = 9) -> Machine:
    (folder / FOLDER).mkdir()
    return Machine(folder, port)


def _note(machine: Machine, pid: int, began: str) -> None:
    told = {"pid": pid, "began": began}
    (machine.root / FOLDER / "worker.json").write_text(json.dumps(told))


def test_down_ends_what_was_started_with_its_children(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    machine = _machine(tmp_path)
    _note(machine, process.pid, _began(process.pid))
    assert machine.is_up("worker")
    reaper = threading.Thread(target=process.wait)  # as whoever started it would
    reaper.start()
    machine.down(lambda _: None)
    reaper.join(5)
    assert process.returncode is not None
    assert not machine.is_up("worker")


def test_a_process_that_only_got_the_same_number_is_left_alone(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    machine = _machine(tmp_path)
    _note(machine, process.pid, "Mon Jan  1 00:00:00 2024")
    assert not machine.is_up("worker")
    machine.down(lambda _: None)
    assert process.poll() is None


def test_a_server_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """And named, with the two ways out."""

    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Healthy) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        machine = Machine(tmp_path, other.server_port)
        with pytest.raises(BusyError, match=r"make deploy\), or choose another: PORT="):
            machine.up(lambda _: None)
        other.shutdown()
        thread.join()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # up leaves them running
@pytest.mark.long
def test_a_run_that_is_at_work_when_all_goes_down_goes_on_when_it_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up, a run, down in the middle of an epoch, up again, the end: as somebody would type it."""
    check_out(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("RETRAIN_SLOW", "1")
    machine, store = Machine(tmp_path, free_port()), ArtifactStore(tmp_path / "artifacts")
    said: list[str] = []
    try:
        machine.up(said.append)
        assert f"{machine.url}/deployments" in said[-1]
        _start_slowly(machine)
        while not (names := run_ids(store)) or RunRecord(store, names[0]).progress() <= 1:
            time.sleep(0.2)
        machine.down(said.append)
        (attempt,) = RunRecord(store, names[0]).attempts()
        assert "checkpoint saved" in attempt["ended"]["reason"]
        machine.up(said.append)
        deadline = time.monotonic() + 300
        while (outcome := RunRecord(store, names[0]).outcome) is None:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert outcome["result"]["redone_epochs"] == 0
        assert ModelRegistry(store).numbers("slow") == [1]
    finally:
        machine.down(said.append)


def _start_slowly(machine: Machine) -> None:
    """A run of the deployment `train` that takes its time."""
    slow = "callbacks=[{type: 'killing:Slow'}]"
    parameters = {"name": "slow", "overrides": ["model.hidden=[8]", "training.epochs=3", slow]}
    deployment = httpx.get(f"{machine.url}/api/deployments/name/train/train").json()["id"]
    path = f"{machine.url}/api/deployments/{deployment}/create_flow_run"
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    httpx.post(path, json=body).raise_for_status()
