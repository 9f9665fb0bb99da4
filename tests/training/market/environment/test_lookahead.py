"""Nothing that is seen, paid or rewarded depends on a later bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from training.market.environment import Market, TradingVectorEnv

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.types import Array

ROWS = 24
EVERYTHING: list[dict[str, Any]] = [
    {},
    {"reward": {"type": "differential_sharpe"}, "stop_loss": 0.02, "take_profit": 0.02},
    {
        "reward": {"type": "drawdown_penalised"},
        "actions": {"type": "weights"},
        "costs": {"slippage": {"type": "range"}, "commission": {"type": "per_unit"}},
    },
    {
        "actions": {"type": "continuous"},
        "observation": {
            "window": 4,
            "account": ["position", "cash", "unrealised", "drawdown"],
            "clip": 1.0,
        },
    },
]


def _poisoned(market: Market, after: int, poison: float) -> Market:
    """The same until a bar, and something else from the next one on.

    Poison is written behind the market's back: it would refuse it.
    """
    names = ("features", "open", "high", "low", "close")
    tables = {name: np.array(getattr(market, name)) for name in names}
    made = Market(times=market.times, bars_per_year=252, **tables)
    for table in tables.values():
        table[after + 1 :] = poison
    return made


def _seen(
    market: Market, config: TradingConfig, actions: list[Array], steps: int
) -> list[list[Array]]:
    environment = TradingVectorEnv(market, config, 3)
    found = [[environment.reset()[0]]]
    for action in actions[:steps]:
        seen, rewards, terminated, truncated, _ = environment.step(action)
        found.append([seen, rewards, terminated, truncated, environment.portfolio.equity])
    return found


@pytest.mark.parametrize("poison", [np.nan, 1e9, 1.0])
@pytest.mark.parametrize("keys", EVERYTHING)
def test_poisoned_future_rows_change_nothing_before_them(
    make_market: Callable[..., Market],
    configure: Callable[..., TradingConfig],
    keys: dict[str, Any],
    poison: float,
) -> None:
    """For every bar of the market: all that was until then is the same, bit by bit."""
    config = configure(**keys)
    market = make_market(rows=ROWS, symbols=2)
    space = TradingVectorEnv(market, config, 3).action_space
    space.seed(1)
    actions = [space.sample() for _ in range(ROWS)]
    lead = config.observation.window - 1
    clean = _seen(market, config, actions, ROWS - 2 - lead)
    for after in range(lead, ROWS - 1):
        steps = min(after - lead, ROWS - 2 - lead)
        found = _seen(_poisoned(market, after, poison), config, actions, steps)
        for before, then in zip(clean[: steps + 1], found, strict=True):
            for expected, value in zip(before, then, strict=True):
                np.testing.assert_array_equal(value, expected)


def test_the_poison_is_felt_one_bar_later(
    make_market: Callable[..., Market], configure: Callable[..., TradingConfig]
) -> None:
    """So the test above does look at what it poisons."""
    market, actions = make_market(rows=ROWS), [np.full(3, 2)] * ROWS
    clean = _seen(market, configure(), actions, 6)
    found = _seen(_poisoned(market, 5, 1e9), configure(), actions, 6)
    assert (clean[6][0] != found[6][0]).any()
    assert (clean[6][1] != found[6][1]).all()
