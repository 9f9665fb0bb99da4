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
        together: so many to learn in that step in one call (`gymnasium.vector.VectorEnv`), which
            say all that they remember; None: one after the other.
        draws_from_python: whether an environment may draw from Python's global generator.
    """

    make: Callable[[str], gym.Env[Any, Any]]
    validation: int
    test: int
    together: Callable[[int], Any] | None = None
    draws_from_python: bool = True

    def vector(self, count: int) -> Any:  # noqa: ANN401 - a VecEnv of Stable-Baselines3
        """So many to learn in, with their episodes counted."""
        from stable_baselines3.common.base_class import BaseAlgorithm
        from stable_baselines3.common.monitor import Monitor
        from stable_baselines3.common.vec_env import DummyVecEnv

        if self.together is not None:
            from training.models.agents.vectors import Together

            return Together(self.together(count))
        makers = [lambda: Monitor(self.make("train")) for _ in range(count)]
        return BaseAlgorithm._wrap_env(DummyVecEnv(makers))  # noqa: SLF001 - as every algorithm does

    def part_of(self, episode: int) -> str:
        """Which part an episode is for."""
        return "validation" if episode < self.validation else "test"
