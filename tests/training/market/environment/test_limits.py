"""What may be chosen, and how large positions may be."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from gymnasium import spaces

from training.errors import ConfigError
from training.market.environment import TradingEnv

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.market.environment import Ledger, Market

    MakeMarket = Callable[..., Market]
    Configure = Callable[..., TradingConfig]
    Run = Callable[..., Ledger]


@pytest.mark.parametrize(
    ("symbols", "actions", "space"),
    [
        (1, {}, spaces.Discrete(3)),
        (1, {"short": False}, spaces.Discrete(2)),
        (1, {"type": "weights", "levels": [0, 0.3, 0.6, 1]}, spaces.Discrete(4)),
        (3, {}, spaces.MultiDiscrete([3, 3, 3])),
        (3, {"joint": True}, spaces.Discrete(27)),
        (2, {"type": "continuous"}, spaces.Box(-1, 1, (2,), np.float32)),
    ],
)
def test_the_space_follows_from_the_kind_and_the_symbols(
    make_market: MakeMarket,
    configure: Configure,
    symbols: int,
    actions: dict[str, Any],
    space: Any,  # noqa: ANN401 - gymnasium is an extra
) -> None:
    environment = TradingEnv(make_market(symbols=symbols), configure(actions=actions))
    assert environment.action_space == space


def test_joint_choices_are_all_combinations(make_market: MakeMarket, run: Run) -> None:
    """Each gives what the same choices one a symbol give."""
    market = make_market(rows=10, symbols=2)
    for number, single in enumerate(product(range(3), repeat=2)):
        joint = run(market, [number], actions={"joint": True})
        np.testing.assert_array_equal(joint.equity, run(market, [list(single)]).equity)


def test_too_many_combinations_are_refused(make_market: MakeMarket, configure: Configure) -> None:
    config = configure(actions={"joint": True})
    TradingEnv(make_market(symbols=6), config)
    with pytest.raises(ConfigError, match=r"3\^7 = 2187 choices"):
        TradingEnv(make_market(symbols=7), config)


@pytest.mark.parametrize(
    ("limits", "chosen", "weight"),
    [
        ({}, 2, 1.0),
        ({"long": 0.4}, 2, 0.4),
        ({"short": 0.3}, 0, -0.3),
        ({"short": 0}, 0, 0.0),
        ({"gross": 0.5}, 2, 0.5),
        ({"gross": 0.5}, 0, -0.5),
    ],
)
def test_a_discrete_choice_is_cut_off(
    make_market: MakeMarket, run: Run, limits: dict[str, float], chosen: int, weight: float
) -> None:
    market = make_market(rows=3)
    held = run(market, [chosen], limits=limits)
    assert held.units[0, 0] * market.open[1, 0] == pytest.approx(1000 * weight)


@pytest.mark.parametrize(
    ("limits", "chosen", "weights"),
    [
        ({}, [0.5, -0.25], [0.5, -0.25]),
        ({}, [1.0, -1.0], [0.5, -0.5]),
        ({"gross": 2}, [1.0, -1.0], [1.0, -1.0]),
        ({"gross": 3, "long": 2}, [0.5, -1.0], [1.0, -1.0]),
        ({"short": 0.5}, [0.0, -1.0], [0.0, -0.5]),
        ({"short": 0}, [0.3, -1.0], [0.3, 0.0]),
        ({}, [7.0, 0.0], [1.0, 0.0]),
    ],
)
def test_continuous_weights_are_shares_of_the_limits_and_scaled_to_their_sum(
    make_market: MakeMarket,
    run: Run,
    limits: dict[str, float],
    chosen: list[float],
    weights: list[float],
) -> None:
    market = make_market(rows=3, symbols=2)
    held = run(market, [chosen], limits=limits, actions={"type": "continuous"})
    np.testing.assert_allclose(held.units[0] * market.open[1] / 1000, weights, atol=1e-15)


@pytest.mark.parametrize("bps", [0, 30])
def test_a_new_position_takes_only_what_the_ones_that_stay_leave(
    bars: Callable[..., Market], run: Run, bps: float
) -> None:
    """Half in each; the first trebles, is then three quarters, and the second gets the last one."""
    flat = bars([[100, 100, 100, 100]] * 2 + [[300, 300, 300, 300]] * 2)
    tables = {
        name: np.repeat(getattr(flat, name), 2, axis=1) for name in ("open", "high", "low", "close")
    }
    for table in tables.values():
        table[:, 1] = 100
    market = type(flat)(features=flat.features, times=flat.times, bars_per_year=100, **tables)
    costs = {"commission": {"bps": bps}}
    held = run(market, [[2, 1], [2, 1], [2, 2]], costs=costs)
    values = held.units[2] * [300, 100]
    assert values.sum() == pytest.approx(held.equity[2], rel=1e-12)
    assert values[1] > 0
    assert held.units[2, 0] == held.units[0, 0]


def test_a_choice_that_stays_is_not_traded_back_unless_it_is_asked_for(
    make_market: MakeMarket, run: Run
) -> None:
    """Half in cash drifts with the price; with a tolerance of 1 % it is kept at a half."""
    market = make_market(rows=200)
    actions = {"type": "weights", "levels": [0.0, 0.5, 1.0]}
    drifting = run(market, [1], actions=actions)
    kept = run(market, [1], actions=actions | {"rebalance": 0.01})
    assert not drifting.traded[1:].any()
    assert (kept.traded[1:] > 0).any()
    at_open = kept.units[:, 0] * market.open[1:, 0]
    before = np.concatenate([[1000], kept.equity[:-1]])
    overnight = np.concatenate(
        [[0], kept.units[:-1, 0] * (market.open[2:] - market.close[1:-1])[:, 0]]
    )
    np.testing.assert_array_less(np.abs(at_open / (before + overnight) - 0.5), 0.01 + 1e-9)
