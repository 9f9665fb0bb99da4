"""What stands beside an agent: others on the same bars, at the same costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from training.market import moving_average_cross
from training.market.environment import MeasuredEnv

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.market.backtest import Backtest
    from training.market.environment import Ledger, Market
    from training.types import Array

    Configure = Callable[..., TradingConfig]
    MakeMarket = Callable[..., Market]
    Run = Callable[..., Ledger]

DEAR = {"costs": {"commission": {"bps": 10}, "spread_bps": 4}}
LONG_ONLY = {**DEAR, "actions": {"short": False}}


def acted(
    market: Market,
    config: TradingConfig,
    actions: Array,
    earlier: Array | None = None,
) -> MeasuredEnv:
    """An environment whose episode is over."""
    world = MeasuredEnv(market, config, earlier=earlier)
    world.reset()
    for action in actions:
        _, _, terminated, truncated, _ = world.step(action)
    assert terminated or truncated
    return world


def choices(market: Market, seed: int = 0, among: int = 3) -> Array:
    """Of chance, each held for some bars."""
    return np.repeat(np.random.default_rng(seed).integers(0, among, market.rows), 5)[
        : market.rows - 1
    ]


def same(found: Backtest, expected: Backtest) -> bool:
    return all(
        np.array_equal(getattr(found, name), getattr(expected, name))
        for name in ("positions", "traded", "returns")
    )


def test_holding_and_doing_nothing(make_market: MakeMarket, configure: Configure, run: Run) -> None:
    """The bits of an account that goes long at once, stops or not; and one that never trades."""
    market = make_market(rows=120)
    config = configure(**DEAR, stop_loss=0.01, take_profit=0.02, limits={"long": 0.5})
    others = acted(market, config, choices(market)).others()
    assert same(others["buy_and_hold"][0], run(market, [1], **LONG_ONLY).backtest())
    assert not others["flat"][0].returns.any()
    assert not others["flat"][0].traded.any()


def test_a_cross_of_means_is_decided_at_each_close_and_pays(
    make_market: MakeMarket, configure: Configure, run: Run
) -> None:
    market = make_market(rows=200, seed=3)
    cross = moving_average_cross(market.close[:, 0], 20, 50).astype(int)
    assert set(cross[60:]) == {0, 1}
    others = acted(market, configure(**DEAR), choices(market)).others()
    expected = run(market, cross[:-1].tolist(), **LONG_ONLY).backtest()
    assert same(others["moving_average"][0], expected)


def test_the_means_begin_with_the_closes_before(
    make_market: MakeMarket, configure: Configure
) -> None:
    """A later part of a market, told what was before, does what the whole does there."""
    market = make_market(rows=200, seed=3)
    part = market.part(80, 200)
    whole = acted(market, configure(**DEAR), choices(market)).others()["moving_average"][0]
    world = acted(part, configure(**DEAR), choices(part), earlier=market.close[:80])
    found = world.others()["moving_average"][0]
    assert np.array_equal(found.positions > 0, whole.positions[80:] > 0)
    blind = acted(part, configure(**DEAR), choices(part)).others()["moving_average"][0]
    assert not blind.positions[:40].any()


@pytest.mark.parametrize("actions", [{}, {"type": "continuous", "rebalance": 0.0}])
def test_chance_has_the_agent_s_own_choices_turnover_and_exposure(
    make_market: MakeMarket, configure: Configure, actions: dict[str, Any]
) -> None:
    market = make_market(rows=400)
    own = choices(market)
    if actions:
        own = (own[:, np.newaxis] - 1) * np.float32(0.5)
    world = acted(market, configure(**DEAR, actions=actions), own)
    drawn = world.others(seed=1)["random"]
    assert len(drawn) == 21
    for one in drawn:
        assert one.traded.mean() == pytest.approx(world.account().traded.mean(), rel=0.05)
        sizes = np.abs(world.account().positions).mean()
        assert np.abs(one.positions).mean() == pytest.approx(sizes, rel=0.05)
    assert len({one.returns.tobytes() for one in drawn}) > 15
    again, other = world.others(seed=1)["random"], world.others(seed=2)["random"]
    assert all(map(same, drawn, again))
    assert not all(map(same, drawn, other))


def test_who_never_changes_his_choice_has_no_moments_to_chance(
    make_market: MakeMarket, configure: Configure
) -> None:
    """Stops are part of what the agent does, by chance too."""
    market = make_market(rows=120)
    world = acted(market, configure(**DEAR, stop_loss=0.01), np.full(119, 2))
    assert all(same(one, world.account()) for one in world.others()["random"])


def test_several_symbols_have_the_same_others(
    make_market: MakeMarket, configure: Configure, run: Run
) -> None:
    market = make_market(rows=200, symbols=2)
    own = np.stack([choices(market, 1), choices(market, 2)], axis=1)
    others = acted(market, configure(**DEAR), own).others()
    crosses = [moving_average_cross(close, 20, 50).astype(int) for close in market.close.T]
    cross = np.stack(crosses, axis=1)
    expected = run(market, cross[:-1].tolist(), **LONG_ONLY).backtest()
    assert same(others["moving_average"][0], expected)
    assert others["buy_and_hold"][0].positions.shape == (199, 2)


def test_an_agent_that_is_ruined_is_followed_to_the_end_of_the_bars(
    bars: Callable[[list[list[float]]], Market], configure: Configure
) -> None:
    market = bars([[100.0] * 4, [100.0] * 4, [300.0] * 4, [100.0] * 4, [100.0] * 4])
    world = MeasuredEnv(market, configure())
    world.reset()
    over = False
    while not over:
        _, _, over, _, _ = world.step(0)
    assert len(world.account().returns) < 4
    assert len(world.others()["buy_and_hold"][0].returns) == 4


def test_measures_of_others_stand_by_their_names(
    make_market: MakeMarket, configure: Configure
) -> None:
    market = make_market(rows=120)
    found = acted(market, configure(**DEAR), choices(market)).baselines(seed=4)
    assert set(found) == {"buy_and_hold", "flat", "moving_average", "random"}
    assert found["flat"]["total_return"] == 0
    assert {"sharpe", "max_drawdown", "turnover"} <= set(found["buy_and_hold"])
