"""Two machines, one storage: who may go on, and what a paused owner may not do when it wakes.

A machine is a process whose locks reach nobody else's.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.artifacts import ArtifactStore
from training.artifacts.stage import machine_id
from training.callbacks import CallbackBase
from training.config import DataConfig
from training.config.load import parse_config
from training.data import DataManager
from training.engine import TrainingEngine
from training.errors import BusyError
from training.registry import ModelRegistry
from training.run import RunRecord, TrainingRun, is_at_work, lease, run_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from training.callbacks import BatchRecord

DATA: dict[str, Any] = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
}
LEASE = 1.0
SLOW = 0.01


class Slow(CallbackBase):
    """Makes a batch last; the run is the same run."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def identity(self) -> None:
        """It only waits."""

    def on_batch_end(self, record: BatchRecord) -> None:
        time.sleep(self._seconds)


def _run(storage: Path | str, pause: float = 0.0, **execution: Any) -> TrainingRun:  # noqa: ANN401 - a section
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.normal(size=(200, 3)), columns=list("abc"))
    frame["y"] = frame["a"] - frame["b"]
    sections = {
        "data": DATA,
        "model": {"type": "mlp", "hidden": [4]},
        "training": {"epochs": 8, "batch_size": 16},
        "execution": {"lease_seconds": LEASE, **execution},
    }
    manager = DataManager(DataConfig.model_validate(DATA), frame=frame)
    callbacks = [Slow(pause)] if pause else []
    run = TrainingRun(parse_config(sections), storage, manager=manager, callbacks=callbacks)
    run.load_data()
    return run


def _on_machine(
    name: str, storage: str, pause: float, execution: dict[str, Any], tell: Connection[Any, Any]
) -> None:
    """A process on a machine of that name trains the run, once it may, and tells what came out."""
    patch = pytest.MonkeyPatch()
    patch.setattr(lease, "machine_id", lambda: name)
    patch.setattr(ArtifactStore, "lock", lambda _self, _path: nullcontext())
    tell.send("ready")
    tell.recv()
    try:
        result = TrainingEngine().finish(_run(storage, pause, **execution))
        tell.send(result.to_json())
    except BusyError as error:
        tell.send(str(error))


class Machine:
    """A process that trains; it is there, with all that it imports, before it is told to begin."""

    def __init__(self, name: str, storage: Path, pause: float = 0.0, **execution: Any) -> None:  # noqa: ANN401 - a section
        context = multiprocessing.get_context("spawn")
        self.told, tell = context.Pipe()
        arguments = (name, str(storage), pause, execution, tell)
        self.process = context.Process(target=_on_machine, args=arguments)
        self.process.start()
        tell.close()
        assert self.answer() == "ready"

    def go(self) -> Machine:
        """Let it begin."""
        self.told.send("go")
        return self

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def answer(self) -> Any:  # noqa: ANN401 - a result or a message
        """What it told."""
        assert self.told.poll(60), "it said nothing"
        return self.told.recv()


@pytest.fixture
def machine() -> Iterator[Callable[..., Machine]]:
    """Make machines; none is left running."""
    started: list[Machine] = []

    def start(*arguments: Any, **execution: Any) -> Machine:  # noqa: ANN401 - as Machine
        started.append(Machine(*arguments, **execution))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.join()


def _until_trained(storage: Path, epochs: int = 2) -> RunRecord:
    """Wait until the run in a storage has a checkpoint of that epoch."""
    store = ArtifactStore(storage)
    for _ in range(600):
        for run_id in run_ids(store):
            names = store.children(f"runs/{run_id}/checkpoints")
            if names and int(names[-1][:8]) >= epochs:
                return RunRecord(store, run_id)
        time.sleep(0.05)
    raise AssertionError("nothing was trained")


def _published(storage: Path) -> dict[str, bytes]:
    """Everything but what attempts say about themselves."""
    own = ("endings", "heartbeats", "progress.json")
    return {
        str(path.relative_to(storage)): path.read_bytes()
        for path in storage.rglob("*")
        if path.is_file() and not any(name in path.parts for name in own)
    }


def test_a_paused_owner_that_wakes_publishes_nothing(
    machine: Callable[..., Machine], tmp_path: Path
) -> None:
    """It stood still for more than a lease; the other one ended the run, exactly and once."""
    storage = tmp_path / "shared"
    first = machine("a", storage, SLOW).go()
    _until_trained(storage)
    first.send(signal.SIGSTOP)
    second = machine("b", storage).go()
    result = second.answer()
    assert result["status"] == "completed"
    assert result["resumed_from"]["epoch"] >= 2
    before = _published(storage)
    first.send(signal.SIGCONT)
    told = first.answer()
    assert "attempt 2 of run" in told
    assert "has taken over" in told
    assert _published(storage) == before
    assert ArtifactStore(storage).verify().problems == []
    assert ModelRegistry(ArtifactStore(storage)).numbers("model") == [1]
    undisturbed = TrainingEngine().finish(_run(tmp_path / "undisturbed"))
    assert result["model"]["digest"] == undisturbed.model["digest"]


def test_a_dead_owner_is_taken_over_after_its_lease(
    machine: Callable[..., Machine], tmp_path: Path
) -> None:
    """Not before, for it might live; and at most a quarter of the lease after."""
    storage = tmp_path / "shared"
    first = machine("a", storage, SLOW).go()
    record = _until_trained(storage)
    first.send(signal.SIGKILL)
    first.process.join()
    silent_since = record.heartbeat(1)
    assert is_at_work(record) is (time.time() - silent_since <= LEASE)
    second = machine("b", storage)
    asked = time.time()
    assert second.go().answer()["status"] == "completed"
    began = record.attempts()[1]["began"]
    assert began - silent_since >= LEASE
    assert began < max(asked, silent_since + 1.25 * LEASE) + 1.5  # and loading the data


def test_an_owner_that_lives_is_left_alone(machine: Callable[..., Machine], tmp_path: Path) -> None:
    """The message says where it is; who is to wait gets the finished run."""
    storage = tmp_path / "shared"
    waiting, leaving = machine("c", storage, on_busy="wait"), machine("b", storage)
    first = machine("a", storage, 4 * SLOW).go()
    record = _until_trained(storage, epochs=1)
    waiting.go()
    told = leaving.go().answer()
    assert f"process {first.process.pid} on " in told
    assert "whose heart beats" in told
    assert is_at_work(record)
    assert first.answer()["status"] == "completed"
    assert waiting.answer()["status"] == "already-complete"
    assert len(record.attempts()) == 1
    assert not is_at_work(record)


def test_an_owner_that_died_on_this_machine_is_known_to_be_dead_at_once(
    machine: Callable[..., Machine], tmp_path: Path
) -> None:
    storage = tmp_path / "shared"
    first = machine(machine_id(), storage, SLOW, lease_seconds=60).go()
    _until_trained(storage)
    first.send(signal.SIGKILL)
    first.process.join()
    began = time.monotonic()
    run = _run(storage, lease_seconds=60)
    with run.held() as start:
        assert time.monotonic() - began < 5
        assert "was killed" in start.reason


def test_clocks_that_differ_do_not_kill_an_owner(
    machine: Callable[..., Machine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats seem two leases old; so long as they come, somebody is alive."""
    storage = tmp_path / "shared"
    first = machine("a", storage, 4 * SLOW).go()
    _until_trained(storage, epochs=1)
    run = _run(storage)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 2 * LEASE)
    with pytest.raises(BusyError, match="whose heart beats"):
        lease.Lease(run.record, LEASE).wait(leave=True)
    assert first.answer()["status"] == "completed"


def test_a_heartbeat_that_a_power_cut_has_torn_stops_nobody(tmp_path: Path) -> None:
    """Its owner is taken to have been alive when its attempt began."""
    record = RunRecord(ArtifactStore(tmp_path), "r")
    record.begin({}, {"machine": "another", "pid_space": "", "reason": "new"})
    record.beat(time.time())
    (beat,) = tmp_path.glob("runs/r/heartbeats/*")
    beat.write_bytes(beat.read_bytes()[:9])
    assert lease.Lease(record, 30).is_another_alive()
    time.sleep(0.2)
    assert not lease.Lease(record, 0.1).is_another_alive()
