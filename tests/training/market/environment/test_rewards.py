"""What a bar is worth to an agent, computed by hand."""

from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from training.errors import ConfigError, TrainingError
from training.market.environment import Outcome, TradingEnv, TradingVectorEnv

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.market.environment import Ledger, Market
    from training.types import Array

    MakeMarket = Callable[..., Market]
    Configure = Callable[..., TradingConfig]
    Run = Callable[..., Ledger]

COSTS = {"costs": {"commission": {"bps": 5}}}


def _choices(count: int) -> list[int]:
    return [int(choice) for choice in np.random.default_rng(2).integers(0, 3, count)]


def test_log_returns_add_up_to_the_whole(make_market: MakeMarket, run: Run) -> None:
    found = run(make_market(), _choices(59), **COSTS)
    np.testing.assert_allclose(found.rewards, np.log1p(found.returns), rtol=1e-9)
    np.testing.assert_allclose(found.rewards.sum(), math.log(found.equity[-1] / 1000))


def test_a_penalised_episode_adds_up_to_its_return_less_its_deepest_drawdown(
    make_market: MakeMarket, run: Run
) -> None:
    reward = {"type": "drawdown_penalised", "penalty": 3}
    found = run(make_market(), _choices(59), reward=reward, **COSTS)
    whole = np.concatenate([[1000], found.equity])
    deepest = (1 - whole / np.maximum.accumulate(whole)).max()
    assert deepest > 0.01
    log_return = math.log(found.equity[-1] / 1000)
    np.testing.assert_allclose(found.rewards.sum(), log_return - 3 * deepest)


def test_the_differential_sharpe_ratio_is_the_papers(
    bars: Callable[[list[list[float]]], Market], run: Run
) -> None:
    """Returns of 2, -1 and 3 %, with a rate of 0.1, from A = 0 and B = 0.0001.

    A and B become 0.002 and 0.00013, then 0.0008 and 0.000127 (Moody and Saffell 2001, eq. 14).
    """
    market = bars(
        [
            [100, 100, 100, 100],
            [100, 102, 100, 102],
            [102, 102, 100.98, 100.98],
            [100.98, 104.0094, 100.98, 104.0094],
        ]
    )
    reward = {"type": "differential_sharpe", "rate": 0.1, "volatility": 0.01}
    found = run(market, [2], reward=reward)
    np.testing.assert_allclose(found.returns, [0.02, -0.01, 0.03])
    first = (0.0001 * 0.02 - 0) / 0.0001**1.5
    second = 0.00013 * (-0.01 - 0.002) - 0.5 * 0.002 * (0.0001 - 0.00013)
    second /= (0.00013 - 0.002**2) ** 1.5
    third = 0.000127 * (0.03 - 0.0008) - 0.5 * 0.0008 * (0.0009 - 0.000127)
    third /= (0.000127 - 0.0008**2) ** 1.5
    np.testing.assert_allclose(found.rewards, [first, second, third], rtol=1e-9)


def test_the_differential_sharpe_ratio_is_the_slope_of_the_ratio(
    make_market: MakeMarket, run: Run
) -> None:
    """For a small rate: the change of A / sqrt(B - A²) over the rate."""
    rate = 1e-6
    reward = {"type": "differential_sharpe", "rate": rate}
    found = run(make_market(), [2], reward=reward)
    mean, square = 0.0, 1e-4
    for gained, simple in zip(found.rewards, found.returns, strict=True):
        before = mean / math.sqrt(square - mean**2)
        mean += rate * (simple - mean)
        square += rate * (simple**2 - square)
        after = mean / math.sqrt(square - mean**2)
        assert gained == pytest.approx((after - before) / rate, rel=1e-3, abs=1e-4)


def test_after_a_long_time_in_cash_the_differential_sharpe_ratio_stays_finite(
    make_market: MakeMarket, run: Run
) -> None:
    """The variance dies away, but is never taken for less than a hundredth of the usual one."""
    reward = {"type": "differential_sharpe", "rate": 0.5}
    found = run(make_market(rows=400), [1] * 398 + [2], reward=reward)
    assert 0 < abs(found.rewards[-1]) < 1


@pytest.mark.parametrize("kind", ["log_return", "differential_sharpe", "drawdown_penalised"])
def test_a_scale_multiplies(make_market: MakeMarket, run: Run, kind: str) -> None:
    market = make_market()
    plain, scaled = (
        run(market, _choices(59), reward={"type": kind, "scale": scale}) for scale in (1.0, 100.0)
    )
    np.testing.assert_allclose(scaled.rewards, 100 * plain.rewards)


@pytest.mark.parametrize("kind", ["differential_sharpe", "drawdown_penalised"])
def test_an_episode_does_not_remember_the_one_before(
    make_market: MakeMarket, configure: Configure, kind: str
) -> None:
    environment = TradingVectorEnv(make_market(rows=20), configure(reward={"type": kind}), 2)
    environment.reset()
    gained = np.array([environment.step(np.array([2, 0]))[1] for _ in range(57)])
    np.testing.assert_array_equal(gained[:19], gained[19:38])
    np.testing.assert_array_equal(gained[:19], gained[38:])


def sparing(outcome: Outcome, *, price: float) -> Array:
    """A reward of the user's own: the return, less a price on what was traded."""
    return outcome.returns - price * outcome.traded / outcome.before


def broken(outcome: Outcome) -> Array:
    """One that does not give a number a row."""
    return outcome.weights


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with both."""
    module = ModuleType("my_rewards")
    vars(module).update(sparing=sparing, broken=broken)
    monkeypatch.setitem(sys.modules, "my_rewards", module)
    return "my_rewards"


def test_a_reward_of_ones_own(make_market: MakeMarket, run: Run, mine: str) -> None:
    """It is given the outcome, and the keys of its section."""
    reward: dict[str, Any] = {"type": f"{mine}:sparing", "price": 0.5}
    found = run(make_market(), _choices(59), reward=reward, **COSTS)
    expected = found.returns - 0.5 * found.turnover
    np.testing.assert_allclose(found.rewards, expected)
    assert found.turnover.max() > 1


def test_a_reward_of_ones_own_is_imported_only_from_trusted_modules(
    make_market: MakeMarket, configure: Configure, mine: str
) -> None:
    config = configure(reward={"type": f"{mine}:sparing", "price": 1})
    with pytest.raises(ConfigError, match="not trusted"):
        TradingEnv(make_market(), config, trusted=[])
    TradingEnv(make_market(), config, trusted=[mine])


def test_a_reward_of_ones_own_that_fails_says_so(
    make_market: MakeMarket, configure: Configure, mine: str
) -> None:
    for name, match in (("sparing", "raised TypeError"), ("broken", "a finite number for each")):
        environment = TradingEnv(make_market(), configure(reward={"type": f"{mine}:{name}"}))
        environment.reset()
        with pytest.raises(TrainingError, match=match):
            environment.step(2)
