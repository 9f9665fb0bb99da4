"""Stable-Baselines3 alone: steps of DQN on CartPole, beside the environment with random actions."""

from __future__ import annotations

from time import perf_counter

import gymnasium
import stable_baselines3
from common import report

STEPS = 5000


def environment() -> float:
    """Microseconds a step."""
    world = gymnasium.make("CartPole-v1")
    world.reset(seed=0)
    began = perf_counter()
    for _ in range(STEPS):
        _, _, done, cut, _ = world.step(world.action_space.sample())
        if done or cut:
            world.reset()
    return 1e6 * (perf_counter() - began) / STEPS


def agent() -> float:
    """Microseconds a step."""
    model = stable_baselines3.DQN("MlpPolicy", "CartPole-v1", seed=0, device="cpu")
    began = perf_counter()
    model.learn(STEPS)
    return 1e6 * (perf_counter() - began) / STEPS


report(stable_baselines3.__version__, "µs a step", environment, agent)
