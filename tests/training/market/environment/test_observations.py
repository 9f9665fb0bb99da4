"""What an agent sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from training.market.environment import TradingEnv, TradingVectorEnv

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.market.environment import Market

    MakeMarket = Callable[..., Market]
    Configure = Callable[..., TradingConfig]

ALL = ["position", "cash", "unrealised", "drawdown"]


@pytest.mark.parametrize("window", [1, 2, 7])
def test_the_window_ends_with_the_bars_own_row(
    make_market: MakeMarket, configure: Configure, window: int
) -> None:
    """After the account: position and cash share; the oldest row first."""
    market = make_market(rows=20)
    environment = TradingEnv(market, configure(observation={"window": window}))
    seen, _ = environment.reset()
    for bar in range(window - 1, 20):
        expected = market.features[bar - window + 1 : bar + 1].ravel()
        assert seen.dtype == np.float32
        np.testing.assert_array_equal(seen[2:], expected)
        if bar < 19:
            seen = environment.step(1)[0]


def test_the_account_is_seen_as_it_stands(
    bars: Callable[[list[list[float]]], Market], configure: Configure
) -> None:
    """Half of 1000 buys 5 at 100; at 120 they are 600 of 1100, at 90 450 of 950."""
    market = bars([[100, 100, 100, 100], [100, 120, 100, 120], [120, 120, 90, 90]])
    actions = {"type": "weights", "levels": [0.0, 0.5]}
    config = configure(observation={"window": 1, "account": ALL}, actions=actions)
    environment = TradingEnv(market, config)
    seen, _ = environment.reset()
    np.testing.assert_array_equal(seen, [0, 1, 0, 0, 0])
    rows = [environment.step(1)[0] for _ in range(2)]
    first = [600 / 1100, 500 / 1100, 0.2, 0, 0]
    second = [450 / 950, 500 / 950, -0.1, 1 - 950 / 1100, 0]
    np.testing.assert_allclose(rows, [first, second], rtol=1e-6)


def test_each_symbol_has_its_position_and_gain(
    make_market: MakeMarket, configure: Configure
) -> None:
    market = make_market(rows=20, symbols=2)
    config = configure(observation={"window": 1, "account": ["unrealised", "position"]})
    environment = TradingVectorEnv(market, config, 1)
    environment.reset()
    seen = environment.step(np.array([[2, 0]]))[0][0]
    gains = (market.close[1] / market.open[1] - 1) * [1, -1]
    np.testing.assert_allclose(seen[:2], gains, rtol=1e-4)
    np.testing.assert_allclose(seen[2:4], environment.portfolio.weights[0])
    np.testing.assert_array_equal(seen[4:], market.features[1])


def test_an_agent_may_see_the_features_alone(make_market: MakeMarket, configure: Configure) -> None:
    market = make_market()
    environment = TradingEnv(market, configure(observation={"window": 1, "account": []}))
    np.testing.assert_array_equal(environment.reset()[0], market.features[0])
    np.testing.assert_array_equal(environment.step(2)[0], market.features[1])


def test_values_are_cut_off_where_it_is_asked_for(
    make_market: MakeMarket, configure: Configure
) -> None:
    """And the space says so."""
    market = make_market()
    environment = TradingEnv(market, configure(observation={"window": 1, "clip": 0.5}))
    seen, _ = environment.reset()
    np.testing.assert_array_equal(seen[:2], [0, 0.5])
    np.testing.assert_array_equal(seen[2:], np.clip(market.features[0], -0.5, 0.5))
    assert float(environment.observation_space.high.max()) == 0.5
    assert np.abs(market.features[0]).max() > 0.5
