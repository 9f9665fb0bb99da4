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

SEVERAL: list[dict[str, object]] = [
    {"type": "columns", "columns": ["close", "volume"]},
    {"type": "returns", "lags": 3},
    {"type": "lags", "column": "volume", "lags": 2},
    {"type": "sma", "window": 5},
    {"type": "ema", "window": 5},
    {"type": "rsi", "window": 5},
    {"type": "volatility", "window": 5},
    {"type": "rolling", "window": 5, "statistics": ["mean", "std", "min", "max", "zscore"]},
    {
        "type": "calendar",
        "parts": ["time_of_day", "weekday", "day_of_month", "month", "day_of_year"],
    },
    {"type": "macd", "fast": 3, "slow": 6, "signal": 4},
    {"type": "bollinger", "window": 5},
    {"type": "atr", "window": 4},
    {"type": "adx", "window": 4},
    {"type": "aroon", "window": 5},
    {"type": "obv", "window": 5},
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
    values = pipeline.compute(walk(40), "time")
    assert np.isfinite(values[pipeline.warm_up :]).all()
    assert pipeline.warm_up == 0 or not np.isfinite(values[pipeline.warm_up - 1]).all()


@pytest.mark.parametrize("feature", SEVERAL, ids=lambda one: str(one["type"]))
@settings(max_examples=25, deadline=None, derandomize=True)
@given(row=st.integers(0, 48), seed=st.integers(0, 2**16))
def test_what_comes_later_changes_nothing(feature: dict[str, object], row: int, seed: int) -> None:
    """With other rows after row t, or none, features at and before t are the same bits."""
    pipeline = made([feature])
    rows = walk(50, seed)
    known = computed(pipeline, rows)[: row + 1]
    other = rows.copy()
    random = np.random.default_rng(seed)
    for name in NUMBERS:
        other.loc[row + 1 :, name] = 10.0 ** random.uniform(-3, 9, 49 - row)
    other["time"] += hours_from(row + 1)
    same_bits(computed(pipeline, other)[: row + 1], known)
    # A row alone is too short for nearly all of them, and all the same nothing is raised.
    same_bits(computed(pipeline, rows[: row + 1]), known)


@pytest.mark.parametrize("feature", SEVERAL, ids=lambda one: str(one["type"]))
def test_the_row_itself_is_seen(feature: dict[str, object]) -> None:
    """All kinds but lags use their own row: no feature is late without saying so."""
    pipeline = made([feature])
    rows = walk(50)
    other = rows.copy()
    other.loc[49, NUMBERS] *= np.array([2, 0.5, 1.5, 9])
    other["time"] += hours_from(49)
    changed = computed(pipeline, other)[49] != computed(pipeline, rows)[49]
    assert changed.any() == (feature["type"] != "lags")
    for column in NUMBERS:
        assert pipeline.sees_row_of(column) == (
            column in pipeline.columns and feature["type"] != "lags"
        )


RECURSIVE = {"ema", "rsi", "macd", "atr", "adx"}


@pytest.mark.parametrize(
    "feature",
    [one for one in SEVERAL if one["type"] not in RECURSIVE],
    ids=lambda one: str(one["type"]),
)
def test_a_window_does_not_know_where_the_series_begins(feature: dict[str, object]) -> None:
    """Features of a later stretch are the same bits as within the whole series."""
    pipeline = made([feature])
    rows = walk(80)
    tail = computed(pipeline, rows[30:].reset_index(drop=True))
    same_bits(tail[pipeline.warm_up :], computed(pipeline, rows)[30 + pipeline.warm_up :])


def test_calendar_by_hand() -> None:
    """Noon of Wednesday, 31 July 2024: half a day, 2 of 7, 30 of 31, 6 of 12, 212 of 366."""
    parts = ["time_of_day", "weekday", "day_of_month", "month", "day_of_year"]
    frame = pd.DataFrame({"t": pd.to_datetime(["2024-07-31T12:00"])})
    found = made([{"type": "calendar", "parts": parts}]).compute(frame, "t")[0]
    turns = 2 * np.pi * np.array([1 / 2, 2 / 7, 30 / 31, 6 / 12, 212 / 366])
    np.testing.assert_allclose(found[::2], np.sin(turns), atol=1e-12)
    np.testing.assert_allclose(found[1::2], np.cos(turns), atol=1e-12)


def test_shares_of_the_price_do_not_know_its_unit() -> None:
    """Prices in cents make the same features as prices in euros."""
    kinds = ("returns", "sma", "macd", "bollinger", "atr", "adx", "aroon", "obv", "volatility")
    pipeline = made([one for one in SEVERAL if one["type"] in kinds])
    rows = walk(60)
    cents = rows.assign(**{name: rows[name] * 100 for name in ("high", "low", "close")})
    np.testing.assert_allclose(
        computed(pipeline, cents), computed(pipeline, rows), rtol=1e-7, atol=1e-9, equal_nan=True
    )


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


NUMBERS = ["high", "low", "close", "volume"]


def walk(rows: int, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, rows)))
    return pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=rows, freq="7h"),
            "high": close * 1.01,
            "low": close * 0.98,
            "close": close,
            "volume": random.uniform(1, 2, rows),
        }
    )


def hours_from(row: int) -> pd.TimedeltaIndex:
    """31 hours for this row and all that follow."""
    return pd.to_timedelta(np.where(np.arange(50) >= row, 31, 0), unit="h")


def computed(pipeline: FeaturePipeline, frame: pd.DataFrame) -> Array:
    """Without the check that all is known after the warm-up: poisoned rows need not be."""
    source = pipeline.source_columns(frame, "time")
    return np.column_stack([column for one in pipeline.recipes for column in one.compute(source)])


def same_bits(found: Array, expected: Array) -> None:
    assert found.tobytes() == np.ascontiguousarray(expected).tobytes()
