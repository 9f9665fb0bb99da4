"""Prefect's server falls silent in the middle of a run, for a while or for good."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.schemas.objects import FlowRun

ROOT = Path(__file__).parents[2]
CALLBACK = """
import os, time
from pathlib import Path
from training.callbacks import CallbackBase

class Pause(CallbackBase):
    def identity(self):
        return None
    def on_epoch_end(self, record):
        if record.epoch == 2:
            Path("reached").touch()
            while not Path("go-on").exists():
                time.sleep(0.05)
        if record.epoch == 3 and "KILLED" in os.environ:
            os.kill(os.getpid(), 9)
"""


class Wire:
    """A way to the server that can be cut: connections die, new ones are refused."""

    def __init__(self, server: str) -> None:
        self._target = (urlsplit(server).hostname, urlsplit(server).port)
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._port = 0
        self.mend()
        self.url = f"http://127.0.0.1:{self._port}/api"

    def mend(self) -> None:
        """Let connections through."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """End all connections, and take no more."""
        listener, self._listener = self._listener, None
        for one in [*self._open, *([listener] if listener else [])]:
            _shut(one)
            one.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass  # the wire was cut
    finally:
        _shut(other)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):  # it was shut by the other side
        one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(server: str) -> Iterator[Wire]:
    """A wire to the shared server."""
    one = Wire(server)
    yield one
    one.cut()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with the callback."""
    (tmp_path / "pausing.py").write_text(CALLBACK)
    return tmp_path


def _start(folder: Path, url: str, **environment: str) -> subprocess.Popen[str]:
    program = str(Path(sys.executable).parent / "retrain")
    settings = ["training.epochs=4", "callbacks=[{type: 'pausing:Pause'}]",
                "execution.patience_seconds=4"]  # fmt: skip
    overrides = [word for setting in settings for word in ("--set", setting)]
    return subprocess.Popen(
        [program, "run", str(ROOT / "configs/quickstart.yaml"), "--json", *overrides],
        cwd=folder,
        env={**os.environ, "PREFECT_API_URL": url, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _until(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not come")


def _flow_runs(storage: Path) -> list[FlowRun]:
    """Those of the run in a storage, the oldest first."""
    from uuid import UUID

    from prefect.client.orchestration import get_client

    from training.artifacts import ArtifactStore
    from training.run import RunRecord, run_ids

    store = ArtifactStore(storage)
    attempts = RunRecord(store, run_ids(store)[0]).attempts()
    with get_client(sync_client=True) as client:
        return [client.read_flow_run(UUID(attempt["flow_run_id"])) for attempt in attempts]


def _state(run: FlowRun) -> str:
    assert run.state is not None
    return run.state.type.value


def _chatter(text: str) -> list[str]:
    """Lines that are not ours."""
    known = ("new run: ", "run sp500", "epoch ", "the model is registered", "Prefect's server did",
             "warning: the UI did not get", "starting", "already")  # fmt: skip
    return [line for line in text.splitlines() if not line.startswith(known)]


def test_a_run_outlives_its_server(server: str, wire: Wire, folder: Path) -> None:
    """Trained, committed, registered, exit code 0; the next start tells Prefect."""
    process = _start(folder, wire.url)
    _until(folder / "reached")
    wire.cut()
    (folder / "go-on").touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    result: dict[str, Any] = json.loads(out)
    assert (result["status"], result["epochs_completed"]) == ("completed", 4)
    assert "has not heard that the run is complete" in err.splitlines()[-1]
    assert _chatter(err) == []
    assert [_state(run) for run in _flow_runs(folder / "artifacts")] == ["RUNNING"]
    wire.mend()
    again = _start(folder, wire.url)
    out, err = again.communicate(timeout=60)
    assert json.loads(out)["status"] == "already-complete"
    assert "Prefect has now been told" in err
    (run,) = _flow_runs(folder / "artifacts")
    assert _state(run) == "COMPLETED"
    out, err = _start(folder, wire.url).communicate(timeout=60)
    assert err == ""


@pytest.mark.parametrize(
    "seconds", [5, pytest.param(30, marks=pytest.mark.long)], ids=lambda n: f"{n} s"
)
def test_a_server_that_comes_back_hears_of_it(
    server: str, wire: Wire, folder: Path, seconds: int
) -> None:
    process = _start(folder, wire.url)
    _until(folder / "reached")
    wire.cut()
    (folder / "go-on").touch()
    time.sleep(seconds if seconds < 10 else 0)
    if seconds < 10:
        wire.mend()
    else:
        threading.Timer(seconds, wire.mend).start()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["status"] == "completed"
    assert _chatter(err) == []


def test_a_flow_run_whose_process_was_killed_is_set_crashed_by_the_next(
    server: str, folder: Path
) -> None:
    """Prefect would show it as Running for ever."""
    (folder / "go-on").touch()
    killed = _start(folder, server, KILLED="1")
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert [_state(run) for run in _flow_runs(folder / "artifacts")] == ["RUNNING"]
    out, err = _start(folder, server).communicate(timeout=60)
    assert json.loads(out)["status"] == "completed", err
    states = [run.state for run in _flow_runs(folder / "artifacts")]
    assert [state.type.value for state in states if state] == ["CRASHED", "COMPLETED"]
    assert states[0] is not None
    assert "killed" in str(states[0].message)
