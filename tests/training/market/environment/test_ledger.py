"""What happened in an episode is kept for whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from training.market import measures
from training.market.environment import TradingEnv, TradingVectorEnv

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.market.environment import Ledger, Market

    MakeMarket = Callable[..., Market]
    Configure = Callable[..., TradingConfig]


def test_finished_episodes_are_handed_out_once_with_their_numbers(
    make_market: MakeMarket, configure: Configure
) -> None:
    market = make_market(rows=60)
    config = configure(episodes={"type": "random", "length": 10})
    environment = TradingVectorEnv(market, config, 2, first=4, record=True)
    environment.reset()
    for _ in range(25):
        environment.step(np.array([2, 0]))
    found = environment.ledgers()
    assert [(one.environment, one.episode) for one in found] == [(4, 0), (5, 0), (4, 1), (5, 1)]
    assert environment.ledgers() == []
    assert len(environment.ledger(1).bars) == 5
    for one in found:
        np.testing.assert_array_equal(np.diff(one.bars), 1)
        assert one.equity.shape == one.rewards.shape == (10,)
        assert one.positions.shape == one.weights.shape == one.units.shape == (10, 1)


def test_it_is_what_measures_are_computed_from(
    make_market: MakeMarket, run: Callable[..., Ledger]
) -> None:
    """Of a position held all the time they are those of the market."""
    market = make_market(rows=300)
    held = run(market, [2])
    path = np.concatenate([market.open[1], market.close[1:, 0]])
    expected = measures(path[1:] / path[:-1] - 1, 252)
    found = measures(held.returns, 252)
    assert found == pytest.approx(expected)
    assert {"sharpe", "max_drawdown", "total_return"} <= set(found)


def test_positions_and_units_say_the_same(
    make_market: MakeMarket, run: Callable[..., Ledger]
) -> None:
    market = make_market(symbols=2)
    held = run(market, [[2, 0], [2, 0], [0, 0]])
    values = held.units * market.close[1:]
    np.testing.assert_allclose(held.weights, values / held.equity[:, np.newaxis])
    np.testing.assert_allclose(held.positions[0], [0.5, -0.5])
    overnight = held.equity[0] + (held.units[0] * (market.open[2] - market.close[1])).sum()
    np.testing.assert_allclose(held.positions[1], held.units[0] * market.open[2] / overnight)


def test_a_position_that_is_stopped_counts_in_its_bar(
    bars: Callable[[list[list[float]]], Market], run: Callable[..., Ledger]
) -> None:
    """So a backtest made of it says that there was one, and that it lost."""
    market = bars([[100, 100, 100, 100], [100, 100, 90, 98], [98, 99, 97, 99]])
    held = run(market, [2, 1], stop_loss=0.05)
    np.testing.assert_array_equal(held.positions[:, 0], [1, 0])
    np.testing.assert_array_equal(held.weights[:, 0], [0, 0])
    found = held.backtest().measures(252)
    assert found["exposure"] == pytest.approx(0.5)
    assert found["hit_rate"] == 0
    assert found["turnover"] == pytest.approx((1 + 0.95) / 2)
    assert found["total_return"] == pytest.approx(-0.05)


def test_an_environment_that_does_not_record_says_so(
    make_market: MakeMarket, configure: Configure
) -> None:
    single = TradingEnv(make_market(), configure())
    with pytest.raises(ValueError, match="record=True"):
        single.ledger()
    with pytest.raises(ValueError, match="record=True"):
        TradingVectorEnv(make_market(), configure(), 2).ledgers()
