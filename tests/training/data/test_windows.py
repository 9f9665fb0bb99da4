"""Windows of rows: views, causal, and the same through training, evaluation and scoring."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.config import DataConfig
from training.data import DataManager, Part, epoch_batches
from training.data.lookback import LookBack
from training.errors import DataError
from training.registry import ModelRegistry
from training.registry.load import load_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from training.run import TrainingResult
    from training.types import Array, Batch, ModelSpec

    Train = Callable[..., TrainingResult]

DATA = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
}


class LastOfWindow:
    """Predicts the first feature of the newest row of its window: a model of one's own."""

    def __init__(self, spec: ModelSpec) -> None:
        self.shape = spec.row_shape

    def train_on_batch(self, batch: Batch) -> dict[str, float]:
        return self.evaluate_on_batch(batch)

    def evaluate_on_batch(self, batch: Batch) -> dict[str, float]:
        assert batch.x.shape[1:] == self.shape == (6, 4)
        return {"loss": float(np.square(self.predict(batch.x) - batch.y).mean())}

    def predict(self, x: Array) -> Array:
        newest: Array = x[:, -1, 0]
        return newest

    def state_dict(self) -> dict[str, Any]:
        return {"weights": {"none": np.zeros(1)}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to remember."""


def manager(table: pd.DataFrame, window: int | None = 6) -> DataManager:
    return DataManager(DataConfig.model_validate(DATA), frame=table, window=window)


def test_parts_have_the_same_rows_as_without_but_for_the_first(table: pd.DataFrame) -> None:
    """Each row of a later part sees the rows before it, of an earlier part too: those are known."""
    alone, seen = manager(table, None).get_data(), manager(table).get_data()
    for name in ("train", "validation", "test"):
        assert getattr(seen, name).x.shape[1:] == (6, 4)
    assert len(seen.train.x) + len(seen.validation.x) + len(seen.test.x) == 400 - 5
    tail = len(seen.test.y)
    assert np.array_equal(seen.test.y, alone.test.y[-tail:])
    first = table[list("abcd")].to_numpy()[400 - tail - 5 : 400 - tail + 1]
    expected = seen.pipeline.scale(first)
    assert np.array_equal(seen.test.x[0], expected)


def test_no_window_sees_a_later_row(table: pd.DataFrame) -> None:
    """Poisoned rows of the test part change no batch of training or validation."""
    poisoned = table.copy()
    poisoned.loc[345:, "a"] = 1e6
    clean, dirty = (manager(frame).get_data() for frame in (table, poisoned))
    assert np.array_equal(clean.train.x, dirty.train.x)
    assert np.array_equal(clean.validation.x[:50], dirty.validation.x[:50])


def test_shuffled_batches_of_windows_are_contiguous_rows_of_theirs(table: pd.DataFrame) -> None:
    part = manager(table).get_data().train
    order = np.random.Generator(np.random.PCG64(np.random.SeedSequence([3, 1])))
    chosen = order.permutation(len(part.x))
    batches = list(epoch_batches(part, batch_size=32, seed=3, epoch=1))
    assert np.array_equal(np.concatenate([batch.x for batch in batches]), part.x[chosen])


def test_a_batch_of_windows_costs_the_batch_and_not_the_whole_table() -> None:
    """NumPy's `take` would copy all windows of a view first."""
    part = Part(LookBack(50, flat=False).windows(np.zeros((20_000, 4))), np.zeros(20_000 - 49))
    batches = epoch_batches(part, batch_size=8, seed=0, epoch=0)
    next(batches)
    tracemalloc.start()
    next(batches)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 8 * 50 * 4 * 8


def test_a_model_of_ones_own_trains_evaluates_and_scores_on_windows(
    train: Train, table: pd.DataFrame, tmp_path: Path
) -> None:
    result = train(model={"type": f"{__name__}:LastOfWindow", "window": 6}, epochs=1)
    assert result.metrics["test_loss"] > 0
    registered = load_model(ModelRegistry(ArtifactStore(tmp_path / "storage")), "model", [__name__])
    scaled = registered.pipeline.transform(table)[:, -1, 0]
    assert np.array_equal(registered.predict(table), scaled)
    assert np.array_equal(registered.predict(table[-6:]), scaled[-1:])
    with pytest.raises(DataError, match="5 rows; the first prediction is for row 6"):
        registered.predict(table[-5:])


@pytest.mark.parametrize("kind", ["lstm", "gru", "tcn", "transformer", "mlp"])
def test_every_network_of_windows_trains_through_the_engine(kind: str, train: Train) -> None:
    pytest.importorskip("torch", reason="PyTorch is an extra")
    model = {"type": "torch", "device": "cpu", "network": {"type": kind}, "window": 6}
    result = train(model=model, optimizer={"type": "adam", "learning_rate": 0.01}, epochs=4)
    losses = result.history["loss"].tolist()
    assert losses[-1] < 0.7 * losses[0]
