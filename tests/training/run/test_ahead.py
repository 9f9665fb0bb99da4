"""Saving while training goes on: the same state, the same history, memory used again."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore, digest
from training.checkpoints import CheckpointManager
from training.errors import StorageError
from training.run.session import Session
from training.run.snapshots import Snapshots
from training.types import Segmented

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.run import TrainingResult
    from training.state import CheckpointRef

    Train = Callable[..., TrainingResult]

EPOCHS = 70
"""The history writes a block after 64."""


def _saved(storage: Path, result: TrainingResult) -> tuple[list[Any], list[str]]:
    """Each row of the history, and the digest of the weights of each checkpoint that is kept."""
    store = ArtifactStore(storage)
    manager = CheckpointManager(store, f"runs/{result.run_id}/checkpoints")
    trees = [(ref, manager.load(ref)) for ref in manager.refs()]
    for ref, tree in trees:
        assert ref.digest == digest(tree["model"]["weights"])
        rows = tree["history"]["tail"]
        assert not rows or rows[-1]["digest"] == ref.digest
    return result.history.to_dict("records"), [ref.digest for ref, _ in trees]


def test_a_run_that_saves_ahead_is_the_same_as_one_that_waits(train: Train, tmp_path: Path) -> None:
    kept = {"keep": [{"type": "all"}]}
    waited, ahead = tmp_path / "waited", tmp_path / "ahead"
    first = train(epochs=EPOCHS, storage=waited, checkpoints=kept)
    second = train(epochs=EPOCHS, storage=ahead, checkpoints={"overlap": True, **kept})
    assert _saved(waited, first) == _saved(ahead, second)
    assert first.model == second.model


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no niceness")
def test_one_thread_saves_all_and_gives_way_to_training(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = Session._write, set()

    def noted(self: Session, ref: CheckpointRef, tree: dict[str, Any]) -> CheckpointRef:
        if ref.epoch:  # the first state is not saved ahead
            seen.add((threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0)))
        return real(self, ref, tree)

    monkeypatch.setattr(Session, "_write", noted)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    train(storage=tmp_path, checkpoints={"overlap": True})
    [(thread, niceness)] = seen
    assert thread != threading.get_native_id()
    assert niceness == min(before + 5, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@pytest.mark.parametrize("error", [StorageError("no space left on device"), MemoryError()])
@pytest.mark.parametrize("step", ["_prepare", "_write"])
def test_what_fails_while_training_goes_on_is_done_again_before_the_next_row(
    step: str,
    error: Exception,
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing of a later epoch gets into the checkpoint of an earlier one."""
    whole = train(storage=tmp_path / "whole", checkpoints={"keep": [{"type": "all"}]})
    real, failed = getattr(Session, step), set()

    def fails_once(self: Session, ref: CheckpointRef, tree: dict[str, Any]) -> CheckpointRef:
        if ref.epoch and ref.epoch not in failed:
            failed.add(ref.epoch)
            raise error
        done: CheckpointRef = real(self, ref, tree)
        return done

    monkeypatch.setattr(Session, step, fails_once)
    checkpoints = {"overlap": True, "keep": [{"type": "all"}]}
    again = train(storage=tmp_path / "again", checkpoints=checkpoints)
    assert failed == {1, 2, 3}
    assert sum("saving ahead failed" in line for line in caplog.messages) == len(failed)
    assert _saved(tmp_path / "whole", whole) == _saved(tmp_path / "again", again)


def test_two_copies_take_turns_and_the_one_being_written_is_left_alone() -> None:
    live: dict[str, Any] = {
        "w": np.arange(4.0),
        "deep": [{"m": np.zeros(2)}, 7],
        "buffer": Segmented(np.ones(3), 1),
    }
    snapshots = Snapshots()
    first = snapshots.take(live)
    live["w"][:] = 9
    second = snapshots.take(live, busy=first)
    assert first["w"].tolist() == [0, 1, 2, 3]
    assert second["w"].tolist() == [9, 9, 9, 9]
    third = snapshots.take(live, busy=second)
    assert third["w"] is first["w"]
    assert third["deep"][0]["m"] is first["deep"][0]["m"]
    assert third["buffer"].array is first["buffer"].array
    live["w"], live["deep"] = np.zeros((2, 2)), [{"m": np.ones(2)}]
    fourth = snapshots.take(live, busy=third)
    assert fourth["w"].shape == (2, 2)
    assert fourth["w"] is not live["w"]
    assert [one["m"].tolist() for one in fourth["deep"]] == [[1, 1]]
    assert second["w"].tolist() == [9, 9, 9, 9]
