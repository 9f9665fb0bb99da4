"""What a position earns and what it costs, beside buy-and-hold and computed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from training.errors import ConfigError
from training.market.environment import TradingEnv

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.market.environment import Market
    from training.market.environment.ledger import Ledger

    Run = Callable[..., Ledger]
    Bars = Callable[[list[list[float]]], Market]

SHORT, FLAT, LONG = 0, 1, 2
CALM: list[list[float]] = [[100, 100, 100, 100], [100, 110, 100, 110], [110, 121, 110, 121]]
TEN = {"commission": {"bps": 10}}


@pytest.mark.parametrize("cost", [{}, TEN, {"spread_bps": 7}, {"slippage": {"bps": 3}}])
def test_all_long_is_buy_and_hold_less_the_entry(
    make_market: Callable[..., Market], run: Run, cost: dict[str, Any]
) -> None:
    """All cash buys at the first open after the first decision; then nothing is traded."""
    market = make_market(rows=300)
    held = run(market, [LONG], costs=cost)
    share = {"commission": 10e-4, "spread_bps": 3.5e-4, "slippage": 3e-4}
    paid = sum(share[name] for name in cost)
    growth = market.close[1:, 0] / market.open[1, 0] / (1 + paid)
    np.testing.assert_allclose(held.equity, 1000 * growth, rtol=1e-13)
    np.testing.assert_allclose(held.costs[0], 1000 / (1 + paid) * paid, rtol=1e-12)
    assert not held.traded[1:].any()


@pytest.mark.parametrize(
    ("actions", "chosen"),
    [
        ({"type": "positions"}, [2, 2, 2]),
        ({"type": "positions", "joint": True}, 26),
        ({"type": "weights"}, [4, 4, 4]),
    ],
)
def test_all_long_in_several_symbols_holds_an_equal_part_of_each(
    make_market: Callable[..., Market], run: Run, actions: dict[str, Any], chosen: object
) -> None:
    market = make_market(rows=200, symbols=3)
    held = run(market, [chosen], actions=actions, costs=TEN)
    growth = (market.close[1:] / market.open[1]).mean(axis=1) / 1.001
    np.testing.assert_allclose(held.equity, 1000 * growth, rtol=1e-12)


def test_continuous_all_long_is_buy_and_hold_less_the_entry(
    make_market: Callable[..., Market], run: Run
) -> None:
    market = make_market(rows=300)
    held = run(market, [[1.0]], actions={"type": "continuous"}, costs=TEN)
    growth = market.close[1:, 0] / market.open[1, 0] / 1.001
    np.testing.assert_allclose(held.equity, 1000 * growth, rtol=1e-13)


def test_continuous_weights_in_several_symbols_are_kept_up(
    make_market: Callable[..., Market], run: Run
) -> None:
    """Each open they are a fifth and a half again, the rest is cash; a plain loop says the same."""
    market, wanted = make_market(rows=100, symbols=2), np.array([0.5, -0.2])
    held = run(market, [wanted.tolist()], actions={"type": "continuous", "rebalance": 0})
    cash, units, expected = 1000.0, np.zeros(2), []
    for bar in range(1, 100):
        whole = cash + float(units @ market.open[bar])
        units = wanted * whole / market.open[bar]
        cash = whole - float(units @ market.open[bar])
        expected.append(cash + float(units @ market.close[bar]))
    np.testing.assert_allclose(held.equity, expected, rtol=1e-12)


def test_a_market_of_closes_alone_is_entered_at_the_next_close(
    make_market: Callable[..., Market], run: Run
) -> None:
    there = make_market(rows=50)
    market = type(there).of_closes(there.features, there.close, there.times, 252)
    held = run(market, [LONG])
    np.testing.assert_allclose(held.equity, 1000 * market.close[1:, 0] / market.close[1, 0])


def test_all_short_earns_what_the_price_loses(bars: Bars, run: Run) -> None:
    """1000 sold at 100, 10 units, worth 1100 and then 1210: 900 and 790 are left."""
    held = run(bars(CALM), [SHORT])
    np.testing.assert_allclose(held.equity, [900, 790])
    np.testing.assert_allclose(held.units[:, 0], [-10, -10])
    np.testing.assert_allclose(held.weights[:, 0], [-1100 / 900, -1210 / 790])
    np.testing.assert_allclose(held.positions[:, 0], [-1, -1100 / 900])


def test_borrowing_costs_a_share_of_the_shorts_value_at_each_close(bars: Bars, run: Run) -> None:
    """100 bars a year, so 0.1 % a bar of 1100, and of 1210."""
    held = run(bars(CALM), [SHORT], costs={"borrow_rate": 0.1})
    np.testing.assert_allclose(held.costs, [1.1, 1.21])
    np.testing.assert_allclose(held.equity, [900 - 1.1, 790 - 1.1 - 1.21])


def test_borrowed_cash_costs_the_same(bars: Bars, run: Run) -> None:
    """Twice the equity is bought: 1000 is borrowed."""
    config = {"limits": {"long": 2, "gross": 2}, "actions": {"type": "weights", "levels": [0, 2]}}
    held = run(bars(CALM), [1], costs={"borrow_rate": 0.1}, **config)
    np.testing.assert_allclose(held.costs, [1.0, 1.001])
    np.testing.assert_allclose(held.equity, [2200 - 1001, 2420 - 1001 - 1.001])


def test_turning_round_pays_for_both_ways(bars: Bars, run: Run) -> None:
    """Long with 1000/1.001, then at 110 all of it and the short position are traded."""
    held = run(bars(CALM), [LONG, SHORT], costs=TEN)
    value = 1000 / 1.001 * 1.1
    left = (value - 0.001 * value) / (1 + 0.001)
    np.testing.assert_allclose(held.traded[1], value + left)
    np.testing.assert_allclose(held.costs[1], 0.001 * (value + left))
    np.testing.assert_allclose(held.equity[1], left * (2 - 1.1))


def test_leaving_pays_once_and_leaves_cash(bars: Bars, run: Run) -> None:
    held = run(bars(CALM), [LONG, FLAT], costs=TEN)
    np.testing.assert_allclose(held.equity[1], 1000 / 1.001 * 1.1 * 0.999)
    assert held.units[1, 0] == 0


def test_commission_on_units_follows_their_number(bars: Bars, run: Run) -> None:
    """At 100 and 0.5 a unit, 1000 buys 1000/100.5 of them."""
    held = run(bars(CALM), [LONG], costs={"commission": {"type": "per_unit", "amount": 0.5}})
    np.testing.assert_allclose(held.units[:, 0], 1000 / 100.5)
    np.testing.assert_allclose(held.costs, [500 / 100.5, 0], atol=1e-15)


def test_slippage_follows_the_range_of_the_bar(bars: Bars, run: Run) -> None:
    """The range is 10 of 100, a twentieth of it 0.5 %."""
    held = run(bars(CALM), [LONG], costs={"slippage": {"type": "range", "share": 0.05}})
    np.testing.assert_allclose(held.equity[0], 1100 / 1.005)


def test_each_return_is_that_of_the_equity(make_market: Callable[..., Market], run: Run) -> None:
    """And what is lost to costs is what is missing beside an account that pays none."""
    market = make_market(rows=80)
    choices = np.random.default_rng(1).integers(0, 3, 79).tolist()
    held = run(market, choices, costs=TEN)
    whole = np.concatenate([[1000], held.equity])
    np.testing.assert_allclose(held.returns, whole[1:] / whole[:-1] - 1, rtol=1e-12)
    np.testing.assert_allclose(held.costs, 0.001 * held.traded, rtol=1e-12)
    gained = held.units[:-1] * np.diff(market.close[1:], axis=0)
    inside = (held.units[1:] - held.units[:-1]) * (market.close - market.open)[2:]
    steps = (gained + inside)[:, 0] - held.costs[1:]
    np.testing.assert_allclose(np.diff(held.equity), steps, atol=1e-9)


def test_staying_in_cash_changes_nothing(make_market: Callable[..., Market], run: Run) -> None:
    held = run(make_market(), [FLAT], costs=TEN)
    assert (held.equity == 1000).all()
    assert not held.traded.any()


def test_a_short_account_that_loses_everything_is_ruined(bars: Bars, run: Run) -> None:
    """The price doubles and more; the episode is over, before the window is."""
    market = bars([[100, 100, 100, 100], [100, 100, 100, 100], [100, 250, 100, 250], [1, 1, 1, 1]])
    held = run(market, [SHORT])
    np.testing.assert_allclose(held.equity, [1000, -500])
    assert np.isfinite(held.rewards).all()


def test_a_borrow_rate_needs_to_know_how_long_a_bar_is(
    make_market: Callable[..., Market], configure: Callable[..., TradingConfig]
) -> None:
    there = make_market()
    unknown = type(there).of_closes(there.features, there.close, there.times)
    TradingEnv(unknown, configure())
    with pytest.raises(ConfigError, match="is not known; give the market bars_per_year"):
        TradingEnv(unknown, configure(costs={"borrow_rate": 0.1}))


def test_costs_that_eat_everything_are_refused(
    make_market: Callable[..., Market], configure: Callable[..., TradingConfig]
) -> None:
    with pytest.raises(ConfigError, match="expected less than half"):
        TradingEnv(make_market(), configure(costs={"commission": {"bps": 6000}}))
