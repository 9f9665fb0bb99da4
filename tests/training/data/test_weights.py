"""Weights of rows: from a column of the table to what the model learns."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.callbacks import CallbackBase
from training.config import DataConfig
from training.data import DataManager, epoch_batches
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from training.callbacks.records import BatchRecord
    from training.data import Dataset

KEYS: dict[str, Any] = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
    "weight_column": "w",
}
MODELS: dict[str, Any] = {
    "numpy": {"type": "mlp", "hidden": [8]},
    "sklearn": {"type": "sklearn", "estimator": "SGDRegressor"},
    "torch": {"type": "torch", "device": "cpu", "network": {"type": "mlp", "hidden": [8]}},
}


@pytest.fixture
def weighted(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(w=np.random.default_rng(2).uniform(0.1, 3, len(table)))


def _data(frame: pd.DataFrame, **keys: Any) -> Dataset:  # noqa: ANN401 - of the section
    return DataManager(DataConfig.model_validate(KEYS | keys), frame=frame).get_data()


def test_each_batch_of_training_has_the_weights_of_its_rows(weighted: pd.DataFrame) -> None:
    """And none of what is held out."""
    data = _data(weighted, scaler="none", dtype="float64")
    of = dict(zip(weighted["a"], weighted["w"], strict=True))
    assert data.features == ("a", "b", "c", "d")
    for shuffle in (True, False):
        batches = epoch_batches(data.train, batch_size=32, seed=1, epoch=1, shuffle=shuffle)
        for batch in batches:
            assert batch.weight is not None
            assert batch.weight.tolist() == [of[a] for a in batch.x[:, 0]]
    assert data.validation.weight is data.test.weight is None
    assert data.train.rows(slice(3, 9)).weight.tolist() == data.train.weight[3:9].tolist()  # type: ignore[union-attr]  # they have weights


def test_they_have_the_precision_of_the_model(weighted: pd.DataFrame) -> None:
    train = _data(weighted, dtype="float32").train
    assert train.weight is not None
    assert train.weight.dtype == train.x.dtype


class Stop(CallbackBase):
    """Interrupts in the middle of the second epoch."""

    def identity(self) -> None:
        """It changes no result."""

    def on_batch_end(self, record: BatchRecord) -> None:
        if record.step == 14:
            record.control.interrupt(signal.SIGINT)


@pytest.mark.parametrize("kind", MODELS)
def test_they_change_what_is_learned_and_a_run_resumes_with_them(
    kind: str, weighted: pd.DataFrame, train: Callable[..., Any], tmp_path: Path
) -> None:
    if kind != "numpy":
        pytest.importorskip(kind, reason=f"{kind} is an extra")
    settings: dict[str, Any] = {"model": MODELS[kind], "frame": weighted}
    data = {"weight_column": "w"}
    whole = train(**settings, data=data, storage=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(**settings, data=data, callbacks=[Stop()])
    again = train(**settings, data=data)
    assert again.resumed_from == {"epoch": 1, "batch": 5}
    assert again.model["digest"] == whole.model["digest"]
    features = [{"type": "columns", "columns": list("abcd")}]
    alike = weighted.assign(w=1.0)
    ones = train(model=MODELS[kind], frame=alike, data=data, storage=tmp_path / "ones")
    without = train(**settings, data={"features": features}, storage=tmp_path / "without")
    assert ones.metrics["val_loss"] == pytest.approx(without.metrics["val_loss"], rel=1e-5)
    assert whole.metrics["val_loss"] != pytest.approx(without.metrics["val_loss"], rel=1e-5)


def test_partial_fit_gets_them_as_by_hand(
    weighted: pd.DataFrame, train: Callable[..., Any]
) -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is an extra")
    kept: list[Any] = []

    class Watch(CallbackBase):
        def on_batch_end(self, record: BatchRecord) -> None:
            kept.append(record.model)

    train(model=MODELS["sklearn"], frame=weighted, data={"weight_column": "w"}, callbacks=[Watch()])
    expected = linear.SGDRegressor(random_state=1)
    part = _data(weighted).train
    for epoch in range(3):
        for batch in epoch_batches(part, batch_size=32, seed=1, epoch=epoch):
            expected.partial_fit(batch.x, batch.y, sample_weight=batch.weight)
    assert np.array_equal(kept[-1].chain.estimator.coef_, expected.coef_)


@pytest.mark.parametrize(
    ("bad", "said"), [(0.0, "no weight"), (-1.0, "no weight"), (np.nan, "'w'"), (np.inf, "'w'")]
)
def test_a_row_without_a_weight_above_0_is_a_finding(
    bad: float, said: str, weighted: pd.DataFrame
) -> None:
    weighted.loc[17, "w"] = bad
    with pytest.raises(DataError, match=said):
        _data(weighted)


def test_a_column_that_is_not_there_is_named(table: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="'w'"):
        _data(table)


def test_the_column_is_read_without_being_listed_among_those_of_the_source(
    weighted: pd.DataFrame, tmp_path: Path
) -> None:
    weighted.to_parquet(tmp_path / "table.parquet")
    source = {"type": "parquet", "path": str(tmp_path / "table.parquet"), "columns": ["a", "y"]}
    data = DataManager(DataConfig.model_validate(KEYS | {"source": source})).get_data()
    assert data.features == ("a",)
    assert data.train.weight is not None
    with pytest.raises(DataError, match="weights of its rows"):
        DataManager(
            DataConfig.model_validate(KEYS | {"source": source, "memory": {"mode": "disk"}})
        ).get_data()
