"""Episodes: those that ended while an agent learned, and those that it is measured by."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from training.metrics import MeanOf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import gymnasium as gym

    from training.types import Array

    Act = Callable[[Any, Any, Array], tuple[Array, Any]]


class Ended(deque[dict[str, Any]]):
    """The last episodes, as the library remembers them, and those that nobody has counted yet."""

    def __init__(self, episodes: Iterable[dict[str, Any]] = (), maxlen: int | None = None) -> None:
        """Begin with some that were counted."""
        super().__init__(episodes, maxlen)
        self.uncounted: list[dict[str, Any]] = []

    def extend(self, episodes: Iterable[dict[str, Any]]) -> None:
        """Add episodes that ended."""
        new = list(episodes)
        self.uncounted += new
        super().extend(new)

    def count(self) -> dict[str, float]:  # type: ignore[override] # nobody counts equal episodes
        """Means over those that ended since the last call; nothing, if none did."""
        new, self.uncounted = self.uncounted, []
        return mean_of_episodes(new)


def mean_of_episodes(episodes: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """`reward`, `episode_length` and whatever else episodes tell, each over as many as tell it."""
    names = dict.fromkeys(name for episode in episodes for name in episode if name != "t")
    found: dict[str, float] = {}
    for name in names:
        values = [float(episode[name]) for episode in episodes if name in episode]
        found[_NAMES.get(name, name)] = MeanOf(sum(values) / len(values), len(values))
    return found


_NAMES = {"r": "reward", "l": "episode_length"}


class Measured(NamedTuple):
    """One episode without exploration.

    Attributes:
        reward: sum over its steps.
        length: its steps.
        info: what the environment told with the last one.
    """

    reward: float
    length: int
    info: dict[str, Any]


EACH_EPOCH = ("total_return", "sharpe", "max_drawdown", "turnover", "exposure")
"""Of what an environment measures, what is told of each validation."""


def shown_of(one: Measured) -> dict[str, float]:
    """Reward, length, and what is told of a portfolio, by the names of `mean_of_episodes`."""
    measures = one.info.get("measures", {})
    shown = {name: measures[name] for name in EACH_EPOCH if name in measures}
    return {"r": one.reward, "l": one.length, **shown}


def act_out(
    act: Act, environments: Sequence[gym.Env[Any, Any]], seeds: Sequence[int]
) -> list[Measured]:
    """One episode in each environment, side by side.

    Args:
        act: from observations, what it remembered, and where an episode begins, to actions and
            what it remembers.
        environments: that act is to go through.
        seeds: of each episode.
    """
    count = len(environments)
    observations = [
        environment.reset(seed=seed)[0]
        for environment, seed in zip(environments, seeds, strict=True)
    ]
    alive, memory = np.ones(count, bool), None
    starts, rewards, lengths = np.ones(count, bool), [0.0] * count, [0] * count
    infos: list[dict[str, Any]] = [{} for _ in range(count)]
    while alive.any():
        actions, memory = act(_stacked(observations), memory, starts)
        starts = np.zeros(count, bool)
        for i in np.flatnonzero(alive).tolist():
            observation, reward, ended, cut, info = environments[i].step(actions[i])
            observations[i] = observation
            rewards[i] += float(reward)
            lengths[i] += 1
            if ended or cut:
                alive[i], infos[i] = False, info
    return [Measured(*one) for one in zip(rewards, lengths, infos, strict=True)]


def _stacked(observations: Sequence[Any]) -> Any:  # noqa: ANN401 - an array, or a dict of them
    if isinstance(observations[0], dict):
        names = observations[0]
        return {name: np.stack([one[name] for one in observations]) for name in names}
    return np.stack(observations)
