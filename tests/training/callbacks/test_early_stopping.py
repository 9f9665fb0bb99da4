"""Early stopping: when it ends a run, and which weights are left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from training.artifacts import ArtifactStore
from training.callbacks import CallbackBase, EarlyStoppingCallback
from training.callbacks.patience import Patience
from training.errors import CallbackError, MetricError
from training.metrics import Monitor
from training.registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from training.callbacks import EpochRecord
    from training.run import TrainingResult

    Train = Callable[..., TrainingResult]


def _stopping(**settings: Any) -> EarlyStoppingCallback:  # noqa: ANN401 - its settings
    return EarlyStoppingCallback("score", mode="min", **settings)


def _measure(patience: Patience, values: list[float]) -> list[bool]:
    return [patience.measure(value, epoch) for epoch, value in enumerate(values, 1)]


def test_patience_counts_measurements_without_getting_better() -> None:
    patience, seen = Patience(Monitor("loss"), patience=2), []
    for epoch, value in enumerate([3.0, 2.0, 2.5, 2.0], 1):
        patience.measure(value, epoch)
        seen.append(patience.exhausted)
    assert seen == [False, False, False, True]
    assert (patience.best, patience.best_epoch) == (2.0, 2)


def test_less_than_min_delta_is_not_better() -> None:
    patience = Patience(Monitor("loss"), patience=5, min_delta=0.5)
    assert _measure(patience, [3.0, 2.6, 2.4]) == [True, False, True]


def test_worse_than_the_baseline_is_not_better() -> None:
    patience = Patience(Monitor("accuracy"), patience=2, baseline=0.6)
    assert _measure(patience, [0.5, 0.55]) == [False, False]
    assert patience.exhausted
    assert patience.best is None


def test_nan_is_never_the_best() -> None:
    patience = Patience(Monitor("loss"), patience=9)
    assert _measure(patience, [float("nan"), 1.0, float("nan")]) == [False, True, False]
    assert patience.best == 1.0


def test_divergence_is_worse_than_the_threshold_in_either_direction() -> None:
    assert Patience(Monitor("loss"), 1).diverged(11.0, 10.0)
    assert not Patience(Monitor("loss"), 1).diverged(9.0, 10.0)
    assert Patience(Monitor("accuracy"), 1).diverged(0.1, 0.2)


class Scripted(CallbackBase):
    """Logs given values as a metric; runs before early stopping."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def on_epoch_end(self, record: EpochRecord) -> None:
        record.log("score", self.values[record.epoch - 1])


def test_it_ends_the_run_and_restores_the_best_weights(train: Train, tmp_path: Path) -> None:
    """The weights registered are those of epoch 2, as another run saved them there."""
    stopping = _stopping(patience=2)
    script = Scripted([3.0, 1.0, 2.0, 2.0, 0.5])
    result = train(epochs=5, callbacks=[script, stopping])
    assert (result.epochs_completed, result.best_epoch, result.stopped_early) == (4, 2, True)
    assert "has not got better than 1" in str(result.stop_reason)
    rows = result.history["digest"]
    assert result.model["digest"] == rows[2]
    assert result.checkpoint["digest"] == rows[4]


def test_the_best_weights_come_back_also_when_patience_never_ran_out(train: Train) -> None:
    script = Scripted([3.0, 1.0, 2.0])
    result = train(epochs=3, callbacks=[script, _stopping(patience=9)])
    assert not result.stopped_early
    assert result.model["digest"] == result.history["digest"][2]


def test_the_last_weights_stay_where_nothing_is_to_be_restored(train: Train) -> None:
    stopping = _stopping(patience=9, restore_best=False)
    result = train(epochs=3, callbacks=[Scripted([3.0, 1.0, 2.0]), stopping])
    assert result.model["digest"] == result.history["digest"][3]


def test_it_starts_clean_in_every_new_run(train: Train, tmp_path: Path) -> None:
    """One instance in two runs: the second counts from its own first epoch."""
    stopping = _stopping(patience=2)
    script = Scripted([1.0, 2.0, 2.0, 2.0, 2.0])
    first = train(epochs=5, callbacks=[script, stopping])
    script.values = [9.0, 8.0, 7.0, 6.0, 5.0]
    second = train(epochs=5, callbacks=[script, stopping], storage=tmp_path / "second")
    assert (first.epochs_completed, second.epochs_completed) == (3, 5)
    assert second.best_epoch == 5


def test_nan_ends_the_run_and_the_best_weights_come_back(train: Train) -> None:
    script = Scripted([2.0, 1.0, float("nan"), 1.0])
    result = train(epochs=4, callbacks=[script, _stopping()])
    assert (result.epochs_completed, result.stop_reason) == (3, "score is nan")
    assert result.model["digest"] == result.history["digest"][2]


def test_the_threshold_ends_the_run_at_once(train: Train) -> None:
    script = Scripted([2.0, 50.0, 1.0])
    result = train(epochs=3, callbacks=[script, _stopping(divergence_threshold=10.0)])
    assert result.epochs_completed == 2
    assert "worse than the threshold 10" in str(result.stop_reason)


def test_epochs_before_the_start_do_not_count(train: Train) -> None:
    script = Scripted([0.1, 3.0, 2.0, 3.0, 3.0])
    stopping = _stopping(start_from_epoch=1, patience=2)
    result = train(epochs=5, callbacks=[script, stopping])
    assert (result.epochs_completed, result.best_epoch) == (5, 3)


def test_epochs_without_validation_do_not_count(train: Train) -> None:
    stopping = EarlyStoppingCallback(patience=1)
    result = train(epochs=4, validate_every_n_epochs=2, callbacks=[stopping])
    assert result.best_epoch in {2, 4}


def test_a_misspelt_monitor_is_an_error_with_the_nearest_name(train: Train) -> None:
    with pytest.raises(MetricError, match="did you mean 'val_loss'"):
        train(callbacks=[EarlyStoppingCallback("val_los", mode="min")])


def test_a_monitor_without_validation_is_an_error_before_the_first_epoch(train: Train) -> None:
    data = {"split": {"validation": 0.0, "test": 0.2}}
    with pytest.raises(MetricError, match=r"data\.split\.validation"):
        train(data=data, callbacks=[EarlyStoppingCallback()])


def test_a_wrong_setting_is_an_error() -> None:
    with pytest.raises(ValidationError, match="patience"):
        EarlyStoppingCallback(patience=-1)


class FailAt(CallbackBase):
    """Raises once, at the end of an epoch."""

    failed = False

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def identity(self) -> None:
        """It changes no result."""

    def on_epoch_end(self, record: EpochRecord) -> None:
        if record.epoch == self.epoch and not self.failed:
            self.failed = True
            raise OSError("on purpose")


@pytest.mark.parametrize("epoch", [2, 3, 4])
def test_counters_and_best_weights_survive_an_interruption(
    train: Train, tmp_path: Path, epoch: int
) -> None:
    script = Scripted([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    whole = train(epochs=6, callbacks=[script, _stopping(patience=3)], storage=tmp_path / "whole")
    failing = FailAt(epoch)
    with pytest.raises(CallbackError):
        train(epochs=6, callbacks=[script, _stopping(patience=3), failing])
    resumed = train(epochs=6, callbacks=[script, _stopping(patience=3), failing])
    assert resumed.epochs_completed == whole.epochs_completed == 5
    assert resumed.best_epoch == whole.best_epoch == 2
    assert resumed.model["digest"] == whole.model["digest"] == whole.history["digest"][2]


def test_restored_weights_are_a_copy(train: Train, tmp_path: Path, table: pd.DataFrame) -> None:
    """What is registered is not what later epochs trained on in place."""
    script = Scripted([1.0, 2.0, 3.0])
    train(epochs=3, callbacks=[script, _stopping(patience=9)])
    one = train(epochs=1, callbacks=[script], storage=tmp_path / "one")
    registry = ModelRegistry(ArtifactStore(tmp_path / "storage"))
    other = ModelRegistry(ArtifactStore(tmp_path / "one"))
    assert registry.get("model").digest == one.model["digest"]
    for name, array in registry.weights(registry.get("model")).items():
        np.testing.assert_array_equal(array, other.weights(other.get("model"))[name])
