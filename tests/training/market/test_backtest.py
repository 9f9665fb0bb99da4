"""What positions would have earned, after costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.market import Backtest, backtest, portfolio
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


def test_weights_of_several_symbols_are_measured_like_positions() -> None:
    """As an agent's episode gives them: exposure is what is invested in all, long or short."""
    weights = np.array([[0.5, 0.5], [0.5, -0.25], [0.0, 0.0], [0.0, 0.25]])
    traded, returns = np.array([1.0, 0.75, 0.75, 0.25]), np.array([0.02, -0.01, 0.0, 0.01])
    said = Backtest(weights, traded, returns).measures(252)
    assert said["exposure"] == pytest.approx(2 / 4)
    assert said["turnover"] == pytest.approx(2.75 / 4)
    assert said["hit_rate"] == pytest.approx(2 / 3)
    assert measures(returns, 252).items() <= said.items()


def test_one_column_of_weights_is_measured_as_positions_are() -> None:
    flat = backtest(POSITIONS, RETURNS, cost_bps=10)
    column = Backtest(POSITIONS[:, None], flat.traded, flat.returns)
    assert column.measures(252) == flat.measures(252)


def test_the_tail_is_handed_on() -> None:
    found = backtest(POSITIONS, RETURNS, cost_bps=10)
    assert found.measures(252, tail=0.5)["value_at_risk"] == pytest.approx(np.median(found.returns))


def _walks(symbols: int, bars: int = 200) -> Array:
    random = np.random.default_rng(5)
    returns: Array = random.normal(0, 0.02, (symbols, bars))
    return returns


def test_a_portfolio_is_its_accounts_side_by_side_after_their_own_costs() -> None:
    """Written with a loop over bars that keeps the money of each account."""
    returns = _walks(3)
    positions = np.sign(np.random.default_rng(6).normal(size=returns.shape).round())
    accounts = [
        backtest(one, earned, cost_bps=10) for one, earned in zip(positions, returns, strict=True)
    ]
    every = np.arange(returns.shape[1])
    found = portfolio(accounts, [every] * 3, len(every))
    money = np.full(3, 1 / 3)
    before = np.zeros(3)
    for bar in every:
        whole = money.sum()
        now = positions[:, bar]
        traded = np.abs(now - before) * money
        np.testing.assert_allclose(found.positions[bar], now * money / whole, rtol=1e-12)
        np.testing.assert_allclose(found.traded[bar], traded.sum() / whole, rtol=1e-12)
        money = money * (1 + now * returns[:, bar]) - traded * 0.001
        np.testing.assert_allclose(found.returns[bar], money.sum() / whole - 1, atol=1e-13)
        before = now


def test_a_portfolio_long_all_the_time_is_equal_parts_bought_and_held() -> None:
    returns = _walks(4)
    every = np.arange(returns.shape[1])
    accounts = [backtest(np.ones(len(every)), one, cost_bps=0) for one in returns]
    held = portfolio(accounts, [every] * 4, len(every))
    np.testing.assert_allclose(held.equity, np.cumprod(1 + returns, axis=1).mean(axis=0))


def test_a_portfolio_of_one_is_that_one() -> None:
    alone = backtest(POSITIONS, RETURNS, cost_bps=10)
    found = portfolio([alone], [np.arange(5)], 5)
    np.testing.assert_allclose(found.returns, alone.returns, atol=1e-15)
    np.testing.assert_allclose(found.positions[:, 0], alone.positions)
    np.testing.assert_allclose(found.traded, alone.traded)


def test_a_symbol_without_a_bar_earns_nothing_there_and_keeps_its_position() -> None:
    """Before its first and after its last bar it is in cash."""
    late = backtest(np.ones(2), np.array([0.1, 0.2]), cost_bps=0)
    whole = backtest(np.zeros(5), np.full(5, 0.5), cost_bps=0)
    found = portfolio([late, whole], [np.array([1, 3]), np.arange(5)], 5)
    np.testing.assert_allclose(found.equity, [1, 1.05, 1.05, 1.16, 1.16])
    np.testing.assert_array_equal(found.positions[:, 0] > 0, [False, True, True, True, False])
    assert not found.positions[:, 1].any()


def test_a_portfolio_that_has_lost_all_earns_nothing_more() -> None:
    ruined = backtest(np.array([-1.0, -1.0, 1.0]), np.array([0.0, 2.0, 0.5]), cost_bps=0)
    found = portfolio([ruined, ruined], [np.arange(3)] * 2, 3)
    np.testing.assert_array_equal(found.equity, [1, 0, 0])
    np.testing.assert_array_equal(found.returns, [0, -1, 0])
    assert np.isfinite(found.positions).all()
