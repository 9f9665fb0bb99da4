"""The environments of one training: many to learn in, and episodes to be measured by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import gymnasium as gym

FIRST_SEED = 1_000_000
"""Of the episodes that measure: no environment learns from this seed on by chance."""


@dataclass(frozen=True, slots=True)
class Worlds:
    """Makes environments, new ones each time.

    Attributes:
        make: an environment for a part: `train`, `validation`, `test`.
        validation: episodes that a validation takes: those numbered from 0.
        test: episodes that the test takes: those that follow.
        draws_from_python: whether an environment may draw from Python's global generator.
        trusted_state: the environments tell their whole state themselves, and are not tried out.
    """

    make: Callable[[str], gym.Env[Any, Any]]
    validation: int
    test: int
    draws_from_python: bool = True
    trusted_state: bool = False

    def vector(self, count: int) -> Any:  # noqa: ANN401 - a VecEnv of Stable-Baselines3
        """So many to learn in, one after the other, each with its episodes counted."""
        from stable_baselines3.common.base_class import BaseAlgorithm
        from stable_baselines3.common.monitor import Monitor
        from stable_baselines3.common.vec_env import DummyVecEnv

        makers = [lambda: Monitor(self.make("train")) for _ in range(count)]
        return BaseAlgorithm._wrap_env(DummyVecEnv(makers))  # noqa: SLF001 - as every algorithm does

    def part_of(self, episode: int) -> str:
        """Which part an episode is for."""
        return "validation" if episode < self.validation else "test"
