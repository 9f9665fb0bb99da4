"""What Gymnasium and Stable-Baselines3 expect of an environment; their warnings are errors here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

from training.market.environment import TradingEnv, TradingVectorEnv

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.market.environment import Market

KINDS: list[tuple[int, dict[str, Any]]] = [
    (1, {}),
    (2, {}),
    (2, {"actions": {"type": "positions", "joint": True}}),
    (1, {"actions": {"type": "weights"}, "observation": {"window": 5, "clip": 3}}),
    (3, {"actions": {"type": "continuous"}, "episodes": {"type": "random", "length": 20}}),
    (1, {"stop_loss": 0.01, "take_profit": 0.01, "reward": {"type": "differential_sharpe"}}),
]


@pytest.mark.parametrize(("symbols", "keys"), KINDS)
def test_gymnasium_finds_nothing_wrong(
    make_market: Callable[..., Market],
    configure: Callable[..., TradingConfig],
    symbols: int,
    keys: dict[str, Any],
) -> None:
    """Made from a specification, so that the checks of determinism run too."""
    market, config = make_market(symbols=symbols), configure(**keys)
    spec = EnvSpec("Trading-v0", entry_point=lambda: TradingEnv(market, config))
    check_env(gymnasium.make(spec, disable_env_checker=True).unwrapped)


@pytest.mark.parametrize(("symbols", "keys"), KINDS)
def test_stable_baselines_finds_nothing_wrong(
    make_market: Callable[..., Market],
    configure: Callable[..., TradingConfig],
    symbols: int,
    keys: dict[str, Any],
) -> None:
    checker = pytest.importorskip(
        "stable_baselines3.common.env_checker", reason="stable-baselines3 is an extra"
    )
    checker.check_env(TradingEnv(make_market(symbols=symbols), configure(**keys)))


@pytest.mark.parametrize(("symbols", "keys"), KINDS)
def test_what_is_seen_lies_in_the_space(
    make_market: Callable[..., Market],
    configure: Callable[..., TradingConfig],
    symbols: int,
    keys: dict[str, Any],
) -> None:
    environment = TradingVectorEnv(make_market(symbols=symbols), configure(**keys), 4)
    seen, _ = environment.reset(seed=3)
    assert seen in environment.observation_space
    for _ in range(70):
        seen, *_ = environment.step(environment.action_space.sample())
        assert seen in environment.observation_space
        assert seen[0] in environment.single_observation_space
