"""Environments that step together give what they give one after the other, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.config.trading import TradingConfig

pytest.importorskip("gymnasium", reason="gymnasium is an extra")
pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra")

COUNT = 3


def both() -> tuple[Any, Any]:
    """The same environments on a market, together and one after the other."""
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    from training.market.environment import Market, TradingEnv, TradingVectorEnv
    from training.models.agents.vectors import Together

    random = np.random.default_rng(2)
    close = 100 * np.exp(np.cumsum(0.02 * random.normal(size=(80, 1)), axis=0))
    features = random.normal(size=(80, 2)).astype(np.float32)
    market = Market.of_closes(features, close, np.arange(80), 252)
    config = TradingConfig.model_validate(
        {"observation": {"window": 2}, "episodes": {"type": "random", "length": 9}}
    )
    makers = [
        lambda number=number: Monitor(TradingEnv(market, config, number=number))
        for number in range(COUNT)
    ]
    return Together(TradingVectorEnv(market, config, COUNT)), DummyVecEnv(makers)


def test_together_as_one_after_the_other() -> None:
    together, apart = both()
    for environments in (together, apart):
        environments.seed(4)
    assert np.array_equal(together.reset(), apart.reset())
    random, ended = np.random.default_rng(1), 0
    for _ in range(40):
        actions = random.integers(0, 3, COUNT)
        one, other = together.step(actions), apart.step(actions)
        for mine, theirs in zip(one[:3], other[:3], strict=True):
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs)
        for mine, theirs in zip(one[3], other[3], strict=True):
            assert ("episode" in mine) == ("episode" in theirs)
            if "episode" in mine:
                ended += 1
                assert mine["episode"]["l"] == theirs["episode"]["l"] == 9
                assert mine["episode"]["r"] == pytest.approx(theirs["episode"]["r"], abs=1e-6)
                assert np.array_equal(mine["terminal_observation"], theirs["terminal_observation"])
                assert mine["TimeLimit.truncated"] == theirs["TimeLimit.truncated"]
    assert ended == 4 * COUNT


def test_they_go_on_from_their_state() -> None:
    one, other = both()[0], both()[0]
    one.seed(4)
    one.reset()
    other.reset()
    for action in (0, 2, 1, 2):
        one.step(np.full(COUNT, action))
    other.load_state_dict(one.state_dict())
    for action in (1, 1, 0, 2, 2, 0, 1, 0):
        mine, theirs = (each.step(np.full(COUNT, action)) for each in (one, other))
        assert all(np.array_equal(a, b) for a, b in zip(mine[:3], theirs[:3], strict=True))
