"""Scaling: fitted on the training part alone, kept with the model, the same in scoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import decode, encode
from training.data import FeaturePipeline
from training.data.scaling import CHUNK, Scaler
from training.errors import ConfigError, DataError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from training.data import DataManager, Part
    from training.types import Array

    Manage = Callable[..., DataManager]

FEATURES = [{"type": "returns", "lags": 2}, {"type": "columns", "columns": ["volume"]}]
SCALERS = ["standard", "minmax", "robust", "none"]


@pytest.mark.parametrize("scaler", SCALERS)
def test_the_scaler_knows_the_training_part_alone(
    scaler: str, prices: pd.DataFrame, manage: Manage
) -> None:
    """With other values in validation and test rows, the training inputs are the same bits."""
    keys = {"features": FEATURES, "scaler": scaler, "dtype": "float64"}
    first = manage(prices, **keys).get_data()
    later = prices.copy()
    rows = prices["date"] > times(first.train)[-1]
    later.loc[rows, "volume"] *= 1000
    second = manage(later, **keys).get_data()
    assert first.train.x.tobytes() == second.train.x.tobytes()
    assert first.validation.x.tobytes() != second.validation.x.tobytes()


def test_what_scalers_do(prices: pd.DataFrame, manage: Manage) -> None:
    """Mean 0 and deviation 1; from 0 to 1; median 0 and middle half 1 wide; as it is."""
    x = {
        scaler: manage(prices, features=FEATURES, scaler=scaler, dtype="float64").get_data().train.x
        for scaler in SCALERS
    }
    np.testing.assert_allclose(x["standard"].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(x["standard"].std(axis=0), 1)
    np.testing.assert_allclose(
        [x["minmax"].min(axis=0), x["minmax"].max(axis=0)], [[0] * 3, [1] * 3]
    )
    np.testing.assert_allclose(np.median(x["robust"], axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.subtract(*np.percentile(x["robust"], (75, 25), axis=0)), 1)
    rows = len(x["none"])
    assert x["none"][:, 2].tolist() == prices["volume"][2 : 2 + rows].tolist()


@pytest.mark.parametrize("scaler", SCALERS)
def test_scaling_can_be_taken_back(scaler: str, prices: pd.DataFrame, manage: Manage) -> None:
    """The inverse of a scaler gives the values that it was given."""
    data = manage(prices, features=FEATURES, scaler=scaler, dtype="float64").get_data()
    found = data.pipeline.scaler.invert(data.train.x)
    rows = len(data.train.x)
    np.testing.assert_allclose(found[:, 2], prices["volume"][2 : 2 + rows], rtol=1e-12)


def test_a_mean_of_many_rows_is_one_fixed_sum() -> None:
    """Chunks are added up in their order: numbers in memory and on disk have the same mean."""
    values = np.random.default_rng(0).normal(size=(CHUNK + 1000, 2)) + 100
    scaler = Scaler("standard", 2)
    scaler.fit(values)
    total = values[:CHUNK].sum(axis=0) + values[CHUNK:].sum(axis=0)
    assert scaler.center.tolist() == (total / len(values)).tolist()
    assert scaler.center.tolist() != values.mean(axis=0).tolist()
    np.testing.assert_allclose(scaler.scale, values.std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stored_pipeline_scores_as_the_one_that_trained(
    scaler: str, dtype: str, prices: pd.DataFrame, manage: Manage
) -> None:
    """Through the bytes of an artifact and back, raw rows become the same inputs, bit for bit."""
    data = manage(prices, features=FEATURES, scaler=scaler, dtype=dtype).get_data()
    stored = encode(data.pipeline.state_dict())
    joined = bytearray(stored.header + b"".join(array.tobytes() for array in stored.arrays))
    again = FeaturePipeline.from_state(decode(joined, "a test"))
    inputs = again.transform(prices)
    assert inputs.flags.c_contiguous
    assert inputs.dtype == dtype
    parts = (data.train, data.validation, data.test)
    places = [np.searchsorted(prices["date"], times(part)) - again.warm_up for part in parts]
    for part, rows in zip(parts, places, strict=True):
        assert inputs[rows].tobytes() == part.x.tobytes()


def test_every_numeric_column_means_the_same_in_scoring(
    prices: pd.DataFrame, manage: Manage
) -> None:
    """`columns` without names is spelt out in training: later columns change nothing."""
    keys = {"features": [{"type": "columns"}], "target": {"type": "return"}}
    data = manage(prices.assign(note="x"), **keys).get_data()
    assert data.features == ("open", "high", "low", "close", "volume")
    again = FeaturePipeline.from_state(data.pipeline.state_dict())
    wider = prices[prices.columns[::-1]].assign(new=1.0)
    assert again.transform(wider).tobytes() == again.transform(prices).tobytes()


def test_rows_to_score_are_checked(prices: pd.DataFrame, manage: Manage) -> None:
    """What scoring cannot use is said, all of it at once."""
    pipeline = manage(prices, features=FEATURES).get_data().pipeline
    with pytest.raises(DataError) as caught:
        pipeline.transform(
            prices.drop(columns="volume").assign(close=["x", -1.0, *prices["close"][2:]])
        )
    for words in ("the rows to score", "no column 'volume'", "row 1 is 'x'", "row 2 is -1.0"):
        assert words in str(caught.value)
    with pytest.raises(DataError, match="the first prediction is for row 3"):
        pipeline.transform(prices[:2])
    assert len(pipeline.transform(prices[:3])) == 1


def test_what_never_varies_is_scaled_to_zero() -> None:
    """A constant that a later part could break must not become infinite."""
    pipeline = FeaturePipeline.from_state(state())
    pipeline.fit(np.array([[1.0], [1.0]]))
    assert pipeline.scale(np.array([[1.0], [3.0]])).tolist() == [[0.0], [2.0]]


def times(part: Part) -> Array:
    assert part.times is not None
    return part.times


def state(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a file could say
    """What a stored pipeline of one feature says."""
    return {
        "features": [{"type": "columns", "columns": ["a"]}],
        "scaler": "standard",
        "dtype": "float64",
        "names": ["a"],
        "center": np.zeros(1),
        "scale": np.ones(1),
    } | changes


FORGED = [
    ({"features": [{"type": "system"}]}, "features.0 = "),
    ({"features": [{"type": "sma", "window": 0}]}, "features.0.sma.window = 0"),
    ({"features": "all"}, "features = 'all'"),
    ({"features": []}, "this pipeline makes"),
    ({"scaler": "pickle"}, "'pickle'"),
    ({"dtype": "object"}, "'object'"),
    ({"names": ["b"]}, "makes a"),
    ({"names": ["a", "b"]}, "makes a"),
    ({"center": np.zeros(2)}, "makes a"),
    ({"scale": np.ones((1, 1))}, "row of finite numbers"),
    ({"scale": np.zeros(1)}, "not above 0"),
    ({"scale": np.array([np.inf])}, "scale = .* finite"),
    ({"center": np.array([np.nan])}, "center = .* finite"),
    ({"center": "zero"}, "center = 'zero'"),
    ({"more": 1}, "more = 1"),
]


@pytest.mark.parametrize(("changes", "says"), FORGED, ids=[str(one[0]) for one in FORGED])
def test_a_forged_state_is_refused(changes: dict[str, Any], says: str) -> None:
    """A stored state that was altered is an integrity error, and imports nothing."""
    with pytest.raises(IntegrityError, match=says):
        FeaturePipeline.from_state(state(**changes))


def test_a_stored_function_is_not_imported_unless_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forged state cannot have a module run; one that is named as trusted is imported."""
    (tmp_path / "forged_step.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    step = {"type": "forged_step:make", "columns": ["a"], "outputs": ["a"]}
    with pytest.raises(ConfigError, match="'forged_step:make' comes from a stored file"):
        FeaturePipeline.from_state(state(features=[step]))
    with pytest.raises(SystemExit, match="imported"):
        FeaturePipeline.from_state(state(features=[step]), trusted=["forged_step"])


@pytest.mark.parametrize("key", ["features", "scaler", "dtype", "names", "center", "scale"])
def test_a_state_with_a_part_missing_is_refused(key: str) -> None:
    damaged = state()
    del damaged[key]
    with pytest.raises(IntegrityError, match=key):
        FeaturePipeline.from_state(damaged)
