"""Strategies that know nothing: a cross of moving averages, and trades at random moments."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from training.market import backtest, moving_average_cross, rearranged

if TYPE_CHECKING:
    from training.types import Array


def test_a_cross_is_what_pandas_says_of_the_two_means(walk: Array) -> None:
    prices = pd.Series(walk)
    fast, slow = prices.rolling(5).mean(), prices.rolling(20).mean()
    expected = (fast > slow).astype("float64").to_numpy()
    np.testing.assert_array_equal(moving_average_cross(walk, 5, 20), expected)
    assert 0 < expected.sum() < len(walk)


def test_until_the_long_mean_is_known_it_is_in_cash_even_if_it_may_go_short(walk: Array) -> None:
    positions = moving_average_cross(walk, 5, 20, short=True)
    assert not positions[:19].any()
    assert set(positions[19:]) == {1.0, -1.0}


def test_a_series_that_is_too_short_is_never_traded() -> None:
    np.testing.assert_array_equal(moving_average_cross(np.arange(1.0, 10.0), 2, 10), np.zeros(9))


def test_a_cross_knows_nothing_of_later_prices(walk: Array) -> None:
    whole = moving_average_cross(walk, 5, 20)
    for known in (1, 25, 100, 299):
        poisoned = walk.copy()
        poisoned[known:] = 1e6
        np.testing.assert_array_equal(moving_average_cross(poisoned, 5, 20)[:known], whole[:known])


def _series(seed: int, bars: int = 120) -> Array:
    random = np.random.default_rng(seed)
    return np.repeat(random.choice([-1.0, 0.0, 1.0], bars), random.integers(1, 9, bars))[:bars]


@pytest.mark.parametrize("seed", range(20))
def test_trades_at_random_have_the_same_turnover_and_exposure(seed: int) -> None:
    own = _series(seed)
    drawn = rearranged(own, np.random.default_rng(seed))
    assert len(drawn) == len(own)
    assert np.abs(np.diff(drawn, prepend=0.0)).sum() == np.abs(np.diff(own, prepend=0.0)).sum()
    for position in (-1.0, 0.0, 1.0):
        assert (drawn == position).sum() == (own == position).sum()
    assert (drawn != own).any()


def test_turnover_and_exposure_of_the_backtest_are_equal(walk: Array) -> None:
    returns = np.diff(walk) / walk[:-1]
    own = _series(3, len(returns))
    drawn = rearranged(own, np.random.default_rng(1))
    said = [backtest(one, returns, cost_bps=5).measures(252) for one in (own, drawn)]
    for name in ("turnover", "exposure"):
        assert said[0][name] == pytest.approx(said[1][name], rel=1e-12)
    assert said[0]["total_return"] != said[1]["total_return"]


def test_all_series_with_the_same_trades_are_equally_likely() -> None:
    """All of six bars that enter once, leave once and are long for two, counted out."""
    own = np.array([0.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    possible = {
        series
        for series in product((0.0, 1.0), repeat=6)
        if sum(series) == 2 and np.abs(np.diff(series, prepend=0.0)).sum() == 2
    }
    random = np.random.default_rng(0)
    drawn = [tuple(rearranged(own, random).tolist()) for _ in range(4000)]
    assert set(drawn) == possible
    counts = np.array([drawn.count(series) for series in possible])
    np.testing.assert_allclose(counts, 4000 / len(possible), rtol=0.12)


@pytest.mark.parametrize("own", [[], [0.0, 0.0], [1.0, 1.0, 1.0], [0.5], [0.2, -0.4, 0.1]])
def test_what_cannot_be_arranged_otherwise_stays(own: list[float]) -> None:
    positions = np.array(own)
    drawn = rearranged(positions, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, positions)


def test_ten_thousand_weights_that_all_differ_take_no_time() -> None:
    own = np.random.default_rng(0).normal(size=10_000)
    np.testing.assert_array_equal(rearranged(own, np.random.default_rng(0)), own)


def test_the_same_seed_draws_the_same() -> None:
    own = _series(4)
    first, second = (rearranged(own, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first != rearranged(own, np.random.default_rng(8))).any()
