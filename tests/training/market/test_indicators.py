"""Indicators by hand, and none that knows the future."""

from __future__ import annotations

from functools import partial
from math import log, nan, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.market.indicators import (
    exponential_moving_average,
    historical_volatility,
    log_returns,
    relative_strength_index,
    simple_moving_average,
)
from training.market.windows import recursive_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array

    Indicator = Callable[[Array], Array]

PRICE = np.array([10.0, 12.0, 9.0, 9.0, 15.0])

BY_HAND: dict[str, tuple[Indicator, Array | list[float]]] = {
    "log returns": (log_returns, [nan, log(1.2), log(0.75), 0.0, log(15 / 9)]),
    "sma": (partial(simple_moving_average, window=2), [nan, 11, 10.5, 9, 12]),
    "sma of one": (partial(simple_moving_average, window=1), PRICE),
    # alpha = 1/2, from 10: 11, 10, 9.5, 12.25.
    "ema": (partial(exponential_moving_average, window=3), [nan, nan, 10, 9.5, 12.25]),
    # Changes +2 -3 0 +6. Mean gain 1, then (1 + 0)/2, then (.5 + 6)/2; mean loss 1.5, .75, .375.
    "rsi": (
        partial(relative_strength_index, window=2),
        [nan, nan, 100 * 1 / 2.5, 100 * 0.5 / 1.25, 100 * 3.25 / 3.625],
    ),
    # Of two values the sample standard deviation is their distance over the root of 2.
    "volatility": (
        partial(historical_volatility, window=2),
        [nan, nan, log(1.6) / sqrt(2), log(4 / 3) / sqrt(2), log(15 / 9) / sqrt(2)],
    ),
}

INDICATORS: dict[str, Indicator] = {
    "log returns": log_returns,
    "sma": partial(simple_moving_average, window=7),
    "ema": partial(exponential_moving_average, window=7),
    "rsi": partial(relative_strength_index, window=7),
    "volatility": partial(historical_volatility, window=7),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_values_are_those_computed_by_hand(name: str) -> None:
    indicator, expected = BY_HAND[name]
    np.testing.assert_allclose(indicator(PRICE), np.asarray(expected), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", INDICATORS)
def test_a_prefix_gives_the_same_values_to_the_last_bit(name: str, walk: Array) -> None:
    """What comes later changes nothing that was said before."""
    whole = INDICATORS[name](walk)
    for rows in (1, 6, 7, 8, 50, 299):
        np.testing.assert_array_equal(INDICATORS[name](walk[:rows]), whole[:rows])


@pytest.mark.parametrize("name", INDICATORS)
def test_the_price_handed_over_is_left_as_it_was(name: str, walk: Array) -> None:
    before = walk.copy()
    values = INDICATORS[name](walk)
    np.testing.assert_array_equal(walk, before)
    assert not np.shares_memory(values, walk)
    assert values.dtype == np.float64


@pytest.mark.parametrize("name", INDICATORS)
@pytest.mark.parametrize("rows", [0, 1, 2, 6])
def test_a_series_shorter_than_the_warm_up_has_no_value(name: str, rows: int) -> None:
    values = INDICATORS[name](np.linspace(10, 11, rows))
    assert values.shape == (rows,)
    assert np.isnan(values).all() or name == "log returns"


@pytest.mark.parametrize("name", ["log returns", "sma", "volatility"])
def test_a_windowed_value_depends_on_its_window_alone(name: str, walk: Array) -> None:
    """Wherever the series begins, it is the same to the last bit."""
    whole, later = INDICATORS[name](walk), INDICATORS[name](walk[123:])
    np.testing.assert_array_equal(later[8:], whole[123 + 8 :])


def test_a_recursion_goes_on_from_a_value_that_was_kept(walk: Array) -> None:
    whole = recursive_mean(walk, 0.2)
    later = recursive_mean(np.concatenate((whole[99:100], walk[100:])), 0.2)[1:]
    np.testing.assert_array_equal(later, whole[100:])


def test_rsi_of_prices_that_only_rise_fall_or_rest() -> None:
    rising = np.arange(1.0, 12.0)
    rsi = partial(relative_strength_index, window=3)
    np.testing.assert_array_equal(rsi(rising)[3:], 100.0)
    np.testing.assert_array_equal(rsi(rising[::-1])[3:], 0.0)
    np.testing.assert_array_equal(rsi(np.full(11, 5.0))[3:], 50.0)


def test_volatility_of_prices_that_rest_is_zero() -> None:
    np.testing.assert_array_equal(historical_volatility(np.full(9, 3.0), 4)[4:], 0.0)
