"""What positions would have earned, after costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.market import backtest
from training.market.measures import measures

if TYPE_CHECKING:
    from training.types import Array

POSITIONS = np.array([0.0, 1.0, 1.0, -1.0, 0.0])
RETURNS = np.array([0.5, 0.10, -0.20, 0.05, 0.5])


def test_costs_are_those_computed_by_hand() -> None:
    """10 basis points of what is traded: 0, in, held, turned round (twice), out."""
    found = backtest(POSITIONS, RETURNS, cost_bps=10)
    np.testing.assert_array_equal(found.traded, [0, 1, 0, 2, 1])
    np.testing.assert_allclose(found.returns, [0, 0.099, -0.2, -0.052, -0.001], rtol=1e-14)
    np.testing.assert_allclose(found.equity[-1], 1.099 * 0.8 * 0.948 * 0.999, rtol=1e-14)


def test_long_all_the_time_is_buy_and_hold_less_the_entry(walk: Array) -> None:
    returns = np.diff(walk) / walk[:-1]
    held = backtest(np.ones(len(returns)), returns, cost_bps=5)
    entry = (1 + returns[0] - 0.0005) / (1 + returns[0])
    np.testing.assert_allclose(held.equity, walk[1:] / walk[0] * entry, rtol=1e-13)


def test_without_costs_it_earns_what_the_market_gives(walk: Array) -> None:
    returns = np.diff(walk) / walk[:-1]
    held = backtest(np.ones(len(returns)), returns, cost_bps=0)
    np.testing.assert_allclose(held.equity, walk[1:] / walk[0], rtol=1e-13)


def test_a_position_earns_what_comes_after_it() -> None:
    """Decided at a bar's close, it has no part in that bar's own return."""
    found = backtest(np.array([0.0, 1.0, 0.0]), np.array([0.3, 0.1, 0.7]), cost_bps=0)
    np.testing.assert_allclose(found.returns, [0, 0.1, 0], atol=1e-16)


def test_how_it_traded_stands_beside_what_it_earned() -> None:
    found = backtest(POSITIONS, RETURNS, cost_bps=10)
    said = found.measures(252)
    assert said["turnover"] == pytest.approx(4 / 5)
    assert said["exposure"] == pytest.approx(3 / 5)
    assert said["hit_rate"] == pytest.approx(1 / 3)
    assert measures(found.returns, 252).items() <= said.items()


def test_a_strategy_that_never_trades_has_no_hit_rate() -> None:
    said = backtest(np.zeros(3), np.array([0.1, -0.1, 0.2]), cost_bps=10).measures(252)
    assert (said["total_return"], said["turnover"], said["exposure"]) == (0, 0, 0)
    assert "hit_rate" not in said


def test_no_bars_have_no_measures() -> None:
    assert backtest(np.empty(0), np.empty(0), cost_bps=1).measures(252) == {}


@pytest.mark.parametrize("shape", [(4,), (6,), (5, 1), ()])
def test_positions_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one position for each return"):
        backtest(np.zeros(shape), RETURNS, cost_bps=1)
