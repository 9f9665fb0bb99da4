"""Features by hand, and none that knows the future."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from training.config.features import Feature
from training.data import FeaturePipeline

if TYPE_CHECKING:
    from training.types import Array

FEATURE: TypeAdapter[Feature] = TypeAdapter(Feature)
CLOSE = [10.0, 11.0, 12.0, 11.0, 13.0, 12.0]
NAN = math.nan
ln = math.log

BY_HAND = [
    ({"type": "columns", "columns": ["close"]}, 0, [CLOSE]),
    (
        {"type": "returns", "lags": 2},
        2,
        [
            [NAN, ln(1.1), ln(12 / 11), ln(11 / 12), ln(13 / 11), ln(12 / 13)],
            [NAN, NAN, ln(1.1), ln(12 / 11), ln(11 / 12), ln(13 / 11)],
        ],
    ),
    (
        {"type": "lags", "lags": 2},
        2,
        [[NAN, 10, 11, 12, 11, 13], [NAN, NAN, 10, 11, 12, 11]],
    ),
    (
        {"type": "sma", "window": 3},
        2,
        [[NAN, NAN, 12 / 11 - 1, 11 / (34 / 3) - 1, 13 / 12 - 1, 12 / 12 - 1]],
    ),
    # alpha = 1/2: 10, 10.5, 11.25, 11.125, 12.0625, 12.03125
    (
        {"type": "ema", "window": 3},
        2,
        [[NAN, NAN, 12 / 11.25 - 1, 11 / 11.125 - 1, 13 / 12.0625 - 1, 12 / 12.03125 - 1]],
    ),
    # Changes +1 +1 -1 +2 -1. Mean gain 2/2, then (1 + 0)/2, then (.5 + 2)/2, then (1.25 + 0)/2;
    # mean loss 0, then 1/2, then 1/4, then (.25 + 1)/2.
    (
        {"type": "rsi", "window": 2},
        2,
        [[NAN, NAN, 100, 50, 100 * 1.25 / 1.5, 100 * 0.625 / 1.25]],
    ),
    # Of two values the sample standard deviation is their distance over the root of 2.
    (
        {"type": "volatility", "window": 2},
        2,
        [
            [NAN, NAN]
            + [
                abs(ln(c / b) - ln(b / a)) / math.sqrt(2)
                for a, b, c in zip(CLOSE, CLOSE[1:], CLOSE[2:], strict=False)
            ]
        ],
    ),
]

SEVERAL = [
    {"type": "columns", "columns": ["close", "volume"]},
    {"type": "returns", "lags": 3},
    {"type": "lags", "column": "volume", "lags": 2},
    {"type": "sma", "window": 5},
    {"type": "ema", "window": 5},
    {"type": "rsi", "window": 5},
    {"type": "volatility", "window": 5},
]


@pytest.mark.parametrize(("feature", "warm_up", "expected"), BY_HAND)
def test_values_are_those_worked_out_by_hand(
    feature: dict[str, object], warm_up: int, expected: list[list[float]]
) -> None:
    """Six prices, each value on paper; before the warm-up there is none."""
    pipeline = made([feature])
    values = pipeline.compute(pd.DataFrame({"close": CLOSE}))
    assert pipeline.warm_up == warm_up
    np.testing.assert_allclose(values, np.transpose(expected), rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize("feature", SEVERAL, ids=lambda one: str(one["type"]))
def test_the_warm_up_is_exact(feature: dict[str, object]) -> None:
    """The row after it is known, and the last row of it is not."""
    pipeline = made([feature])
    values = pipeline.compute(walk(40))
    assert np.isfinite(values[pipeline.warm_up :]).all()
    assert pipeline.warm_up == 0 or not np.isfinite(values[pipeline.warm_up - 1]).all()


@pytest.mark.parametrize("feature", SEVERAL, ids=lambda one: str(one["type"]))
@settings(max_examples=25, deadline=None, derandomize=True)
@given(row=st.integers(0, 48), seed=st.integers(0, 2**16))
def test_what_comes_later_changes_nothing(feature: dict[str, object], row: int, seed: int) -> None:
    """With other rows after row t, or none, features at and before t are the same bits."""
    pipeline = made([feature])
    rows = walk(50, seed)
    known = pipeline.compute(rows)[: row + 1]
    other = rows.copy()
    other[row + 1 :] = 10.0 ** np.random.default_rng(seed).uniform(-3, 9, (49 - row, 2))
    same_bits(pipeline.compute(other)[: row + 1], known)
    same_bits(pipeline.compute(rows[: row + 1]), known)


@pytest.mark.parametrize("feature", SEVERAL, ids=lambda one: str(one["type"]))
def test_the_row_itself_is_seen(feature: dict[str, object]) -> None:
    """All kinds but lags use their own row: no feature is late without saying so."""
    pipeline = made([feature])
    rows = walk(50)
    other = rows.copy()
    other.loc[49] *= 2
    changed = pipeline.compute(other)[49] != pipeline.compute(rows)[49]
    assert changed.any() == (feature["type"] != "lags")
    for column in ("close", "volume"):
        assert pipeline.sees_row_of(column) == (
            column in pipeline.columns and feature["type"] != "lags"
        )


@pytest.mark.parametrize("kind", ["returns", "sma", "volatility"])
def test_a_window_does_not_know_where_the_series_begins(kind: str) -> None:
    """Features of a later stretch are the same bits as within the whole series."""
    pipeline = made([{"type": kind} | ({"window": 7} if kind != "returns" else {})])
    rows = walk(80)
    tail = pipeline.compute(rows[30:].reset_index(drop=True))
    same_bits(tail[pipeline.warm_up :], pipeline.compute(rows)[30 + pipeline.warm_up :])


def test_rsi_without_a_change_is_in_the_middle() -> None:
    """No change at all is 50, nothing but gains 100, nothing but losses 0."""
    for prices, expected in (
        ([5.0] * 6, 50),
        ([1.0, 2, 3, 4, 5, 6], 100),
        ([6.0, 5, 4, 3, 2, 1], 0),
    ):
        values = made([{"type": "rsi", "window": 3}]).compute(pd.DataFrame({"close": prices}))
        assert values[3:, 0].tolist() == [expected] * 3


def made(features: list[dict[str, object]]) -> FeaturePipeline:
    return FeaturePipeline([FEATURE.validate_python(one) for one in features], "none", "float64")


def walk(rows: int, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "close": 100 * np.exp(np.cumsum(random.normal(0, 0.02, rows))),
            "volume": random.uniform(1, 2, rows),
        }
    )


def same_bits(found: Array, expected: Array) -> None:
    assert found.tobytes() == np.ascontiguousarray(expected).tobytes()
