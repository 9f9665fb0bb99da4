"""Where an episode begins and ends: a function of (seed, environment, episode), never a generator.

So nothing random has to be saved, and an environment that is loaded goes on as it would have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.config.trading import RandomStart
from training.errors import ConfigError

if TYPE_CHECKING:
    from training.config.trading import TradingConfig
    from training.types import Array

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Episodes:
    """The bars of episodes.

    Attributes:
        length: steps of an episode that is not ended before.
    """

    def __init__(self, config: TradingConfig, rows: int) -> None:
        """Find the bars that an episode may begin at.

        Raises:
            ConfigError: the market is too short for an episode.
        """
        self._first = config.observation.window - 1
        most = rows - 1 - self._first
        kind = config.episodes
        self.length = kind.length if isinstance(kind, RandomStart) else max(most, 1)
        self._choices = most - self.length + 1
        if self._choices < 1:
            raise ConfigError(
                f"an episode of {self.length} bars after a window of {self._first + 1} rows needs "
                f"{self.length + self._first + 1} bars, and the market has {rows}: take a shorter "
                "episodes.length or observation.window, or more data"
            )

    def starts(self, seeds: Array, environments: Array, episodes: Array) -> Array:
        """The bar of the first decision of each, shape (environments,).

        Args:
            seeds: of each environment, int64, as the next two.
            environments: their numbers.
            episodes: the numbers of their episodes, from 0.
        """
        if self._choices == 1:
            return np.full(len(seeds), self._first, dtype=np.int64)
        drawn = draw(seeds, environments, episodes) % np.uint64(self._choices)
        return self._first + drawn.astype(np.int64)


def draw(*keys: Array) -> Array:
    """A number of 64 bits for each row of keys, by the mixing step of SplitMix64 (Steele 2014)."""
    state = np.zeros(len(keys[0]), dtype=np.uint64)
    for key in keys:
        state = _mixed(state + (key.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
    return state


def _mixed(state: Array) -> Array:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    mixed: Array = state ^ (state >> np.uint64(31))
    return mixed
