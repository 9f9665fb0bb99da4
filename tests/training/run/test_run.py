"""Whose run it is, how a start is decided, and what is written down."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest

from training.artifacts import ArtifactStore
from training.callbacks import CallbackBase
from training.config import DataConfig
from training.config.load import parse_config
from training.data import DataManager
from training.errors import (
    BusyError,
    CallbackError,
    ConfigError,
    IntegrityError,
    NotFoundError,
    TrainingError,
)
from training.registry import ModelRegistry
from training.run import RunRecord, TrainingRun, is_at_work, run_ids
from training.run.identity import Identity, changed_keys
from training.run.signals import graceful_stop
from training.state import Control

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from training.callbacks import BatchRecord, EpochRecord
    from training.run import TrainingResult

    Train = Callable[..., TrainingResult]

DATA: dict[str, Any] = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
}


def _run(table: pd.DataFrame, storage: Path, **settings: Any) -> TrainingRun:  # noqa: ANN401 - a run's own
    execution = settings.pop("execution", {})
    config = parse_config({"data": DATA, "training": {"epochs": 2}, "execution": execution})
    manager = DataManager(DataConfig.model_validate(DATA), frame=table)
    run = TrainingRun(config, storage, manager=manager, **settings)
    run.load_data()
    return run


def test_an_id_follows_from_configuration_data_slot_and_parent() -> None:
    plain = Identity({"a": 1}, "blake3:x")
    ids = {
        plain.run_id("m"),
        Identity({"a": 2}, "blake3:x").run_id("m"),
        Identity({"a": 1}, "blake3:y").run_id("m"),
        Identity({"a": 1}, "blake3:x", slot="monday").run_id("m"),
        Identity({"a": 1}, "blake3:x", parent="p").run_id("m"),
    }
    assert len(ids) == 5
    assert Identity({"a": 1}, "blake3:x").run_id("m") == plain.run_id("m")


def test_changed_keys_are_named_with_their_values() -> None:
    old = {"a": {"type": "x", "b": 1}, "c": [1, 2], "d": 1}
    new = {"a": {"type": "x", "b": 2}, "c": [1], "e": 1}
    assert changed_keys(old, new) == ["a.b 1 -> 2", "c [1,2] -> [1]", "d 1 -> null", "e null -> 1"]
    assert changed_keys({"a": {"type": "x"}}, {"a": {"type": "y", "z": 1}}) == ["a.type x -> y"]


def test_another_slot_is_another_run(table: pd.DataFrame, tmp_path: Path) -> None:
    ids = {_run(table, tmp_path, slot=slot).run_id for slot in (None, "monday", "tuesday")}
    assert len(ids) == 3
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_named_must_be_the_same(
    train: Train, table: pd.DataFrame, tmp_path: Path
) -> None:
    storage = tmp_path / "storage"
    named = train(model={"type": "mlp"}, epochs=2, batch_size=64, seed=0).run_id
    assert _run(table, storage, expect=named).run_id == named
    with pytest.raises(ConfigError, match=r"cannot go on: data changed \(300 fewer rows\)"):
        _run(table.head(100), storage, expect=named)
    with pytest.raises(NotFoundError, match="there is no run 'model-nothing'"):
        _run(table, storage, expect="model-nothing")


def test_it_must_go_on_where_there_is_nothing(table: pd.DataFrame, tmp_path: Path) -> None:
    run = _run(table, tmp_path / "storage", resume="must")
    with pytest.raises(NotFoundError, match="nothing to go on from"), run.held():
        pass


class Fails(CallbackBase):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def identity(self) -> None:
        """It changes no result."""

    def on_epoch_end(self, record: EpochRecord) -> None:
        if record.epoch == self.epoch:
            raise OSError("on purpose")


def test_attempts_and_their_endings_are_written_down(train: Train, tmp_path: Path) -> None:
    for epoch in (2, 3):
        with pytest.raises(CallbackError):
            train(callbacks=[Fails(epoch)])
    result = train()
    record = RunRecord(ArtifactStore(tmp_path / "storage"), result.run_id)
    attempts = record.attempts()
    assert [attempt["resumed_from"] for attempt in attempts] == [
        None,
        {"epoch": 1, "batch": 0},
        {"epoch": 2, "batch": 0},
    ]
    assert [attempt["ended"]["status"] for attempt in attempts] == ["failed", "failed", "completed"]
    assert run_ids(record.store) == [result.run_id]


def test_an_outcome_that_is_none_is_an_error(train: Train, tmp_path: Path) -> None:
    """Whoever may write there may have put anything into it."""
    record = RunRecord(ArtifactStore(tmp_path / "storage"), train().run_id)
    outcome = record.outcome or {}
    outcome["result"]["invented"] = 1
    record.store.replace(f"{record.folder}/outcome.json", outcome)
    with pytest.raises(IntegrityError, match=r"outcome\.json.*invented"):
        train()


def test_started_afresh_it_forgets_what_it_had(
    train: Train, table: pd.DataFrame, tmp_path: Path
) -> None:
    first = train(model={"type": "mlp"}, epochs=2, batch_size=64, seed=0)
    from training.engine import TrainingEngine

    run = _run(table, tmp_path / "storage", resume="never")
    with run.held() as start:
        assert start.reason == "new run: asked to start afresh"
        session = run.create_model()
        assert session.state.epoch == 0
        TrainingEngine().advance(session, 2)
    assert run.run_id == first.run_id


def test_a_model_that_is_gone_from_the_registry_is_registered_again(
    train: Train, tmp_path: Path
) -> None:
    first = train()
    shutil.rmtree(tmp_path / "storage/models")
    again = train()
    assert (again.status, again.model) == ("completed", first.model)


def _hold(storage: str, frame: pd.DataFrame, ready: Any, leave: Any) -> None:  # noqa: ANN401 - events
    from pathlib import Path

    with _run(frame, Path(storage)).held():
        ready.set()
        leave.wait(30)


def test_a_second_process_leaves_with_a_message(table: pd.DataFrame, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, leave = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(tmp_path), table, ready, leave))
    other.start()
    try:
        assert ready.wait(30)
        run = _run(table, tmp_path)
        with pytest.raises(BusyError, match=run.run_id), run.held():
            pass
        assert is_at_work(run.record)
    finally:
        other.kill()
        other.join()
    with run.held() as start:
        assert not start.is_complete


def test_an_epoch_that_takes_too_long_fails(table: pd.DataFrame, tmp_path: Path) -> None:
    class Slow(CallbackBase):
        def on_batch_end(self, record: BatchRecord) -> None:
            import time

            time.sleep(0.02)

    from training.engine import TrainingEngine

    execution = {"epoch_timeout_seconds": 0.01}
    run = _run(table, tmp_path, callbacks=[Slow()], execution=execution)
    with run.held(), pytest.raises(TrainingError, match="epoch 1 took longer"):
        TrainingEngine().advance(run.create_model(), 1)


def test_a_signal_asks_the_loop_and_a_second_one_goes_through() -> None:
    control = Control()
    with pytest.raises(KeyboardInterrupt), graceful_stop(control, 30):  # noqa: PT012 - two signals
        signal.raise_signal(signal.SIGINT)
        assert control.signal_number == signal.SIGINT
        assert control.pending
        signal.raise_signal(signal.SIGINT)


def test_after_the_grace_period_the_signal_goes_through() -> None:
    import time

    with pytest.raises(KeyboardInterrupt), graceful_stop(Control(), 0.05):  # noqa: PT012 - and then wait
        signal.raise_signal(signal.SIGINT)
        time.sleep(5)


def test_handlers_are_as_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with graceful_stop(Control(), 1):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_interrupted_in_plain_python_it_resumes_bit_for_bit(train: Train, tmp_path: Path) -> None:
    class Interrupts(CallbackBase):
        done = False

        def identity(self) -> None:
            """It changes no result."""

        def on_batch_end(self, record: BatchRecord) -> None:
            if (record.epoch, record.batch) == (2, 4) and not self.done:
                Interrupts.done = True
                signal.raise_signal(signal.SIGINT)

    whole = train(storage=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(callbacks=[Interrupts()])
    resumed = train(callbacks=[Interrupts()])
    assert resumed.resumed_from == {"epoch": 1, "batch": 4}
    assert "interrupted by SIGINT at epoch 2, batch 4" in resumed.reason
    assert resumed.model["digest"] == whole.model["digest"]
    assert resumed.history.equals(whole.history)
    assert ModelRegistry(ArtifactStore(tmp_path / "storage")).numbers("model") == [1]
