"""A table in pieces gives the inputs of the whole table, bit for bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from training.config.features import Feature
from training.data import FeaturePipeline
from training.data.lookback import LookBack
from training.data.stream import FeatureStream
from training.errors import ConfigError, DataError

CLOSE: dict[str, object] = {"column": "close"}
KINDS: list[dict[str, object]] = [
    {"type": "returns", "lags": 3, **CLOSE},
    {"type": "lags", **CLOSE},
    {"type": "sma", **CLOSE},
    {"type": "ema", **CLOSE},
    {"type": "rsi", **CLOSE},
    {"type": "macd", **CLOSE},
    {"type": "volatility", **CLOSE},
    {"type": "bollinger", **CLOSE},
    {"type": "rolling", **CLOSE},
    {"type": "calendar"},
    {"type": "atr"},
    {"type": "adx"},
    {"type": "aroon"},
    {"type": "obv"},
]


@pytest.fixture
def bars() -> pd.DataFrame:
    """400 days of invented bars."""
    random = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, 400)))
    return pd.DataFrame(
        {
            "date": pd.bdate_range("2020-01-01", periods=400),
            "high": close * (1 + random.uniform(0, 0.02, 400)),
            "low": close * (1 - random.uniform(0, 0.02, 400)),
            "close": close,
            "volume": random.uniform(1, 2, 400),
        }
    )


def _pipeline(kinds: list[dict[str, object]], bars: pd.DataFrame, back: int = 1) -> FeaturePipeline:
    features = [TypeAdapter[Feature](Feature).validate_python(kind) for kind in kinds]
    made = FeaturePipeline(features, "standard", "float32", look_back=LookBack(back))
    made.fit(made.compute(bars, "date")[made.warm_up :])
    return made


@pytest.mark.parametrize("size", [1, 7, 40, 64, 333])
@pytest.mark.parametrize("kind", [*KINDS, None], ids=lambda kind: kind["type"] if kind else "all")
def test_pieces_give_the_inputs_of_the_whole(
    bars: pd.DataFrame, kind: dict[str, object] | None, size: int
) -> None:
    """Windows and recursions go on over the borders, whatever the size of a piece."""
    pipeline = _pipeline([kind] if kind else KINDS, bars)
    stream = FeatureStream(pipeline)
    pieces = [stream.push(bars.iloc[at : at + size], "x") for at in range(0, len(bars), size)]
    assert np.array_equal(np.concatenate(pieces), pipeline.transform(bars))


@pytest.mark.parametrize("size", [1, 50, 400])
def test_a_model_that_looks_back_sees_rows_of_the_piece_before(
    bars: pd.DataFrame, size: int
) -> None:
    """Rows one after the other in one input."""
    pipeline = _pipeline(KINDS[3:5], bars, back=5)
    stream = FeatureStream(pipeline)
    pieces = [stream.push(bars.iloc[at : at + size], "x") for at in range(0, len(bars), size)]
    assert np.array_equal(np.concatenate(pieces), pipeline.transform(bars))


def test_a_wrong_value_is_named_by_its_row_in_the_whole_table(bars: pd.DataFrame) -> None:
    """Not by its row in the piece."""
    bars.loc[150, "close"] = np.nan
    stream = FeatureStream(_pipeline(KINDS[3:4], bars.dropna()))
    stream.push(bars.iloc[:100], "x.csv")
    with pytest.raises(DataError, match="row 151"):
        stream.push(bars.iloc[100:], "x.csv")


def test_a_function_of_the_users_own_is_not_cut(bars: pd.DataFrame) -> None:
    """Nobody knows how far it looks back."""
    kind: dict[str, object] = {"type": "numpy:asarray", "columns": ["close"], "outputs": ["c"]}
    pipeline = _pipeline([kind], bars)
    stream = FeatureStream(pipeline)
    stream.push(bars.iloc[:300], "x")
    with pytest.raises(ConfigError, match="--chunk-rows 0"):
        stream.push(bars.iloc[300:], "x")
    whole = FeatureStream(pipeline).push(bars, "x")
    assert np.array_equal(whole, pipeline.transform(bars))
