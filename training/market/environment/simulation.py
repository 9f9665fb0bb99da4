"""The environments themselves, without a face: bars, accounts, rewards and what is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from training.errors import IntegrityError
from training.market.environment.actions import make_actions
from training.market.environment.episodes import Episodes
from training.market.environment.ledger import Recorder, Row
from training.market.environment.observations import Observations
from training.market.environment.portfolio import Portfolio
from training.market.environment.rewards import make_reward

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.config.trading import TradingConfig
    from training.market.environment.ledger import Ledger
    from training.market.environment.market import Market
    from training.types import Array

COUNTERS = ("seeds", "bar", "episode", "length")


class Numbered(NamedTuple):
    """Some environments, by their numbers.

    Attributes:
        many: how many.
        first: the number of the first; the others follow.
        seed: where their episodes begin follows from it; 0 or more.
    """

    many: int
    first: int
    seed: int


class Stepped(NamedTuple):
    """What a step gave each environment, shape (environments,) each."""

    rewards: Array
    terminated: Array
    truncated: Array


class Simulation:
    """Environments on one market that step together; episodes begin when they are told to.

    Attributes:
        actions: what may be chosen.
        observations: what is seen.
        portfolio: the accounts.
        recorder: what happened; None when nothing is recorded.
    """

    def __init__(
        self,
        market: Market,
        config: TradingConfig,
        who: Numbered,
        *,
        record: bool,
        trusted: Collection[str] | None,
    ) -> None:
        """Put the parts together.

        Raises:
            ConfigError: market and configuration do not go together.
        """
        count = who.many
        self.actions = make_actions(config, market.symbols)
        self.observations = Observations(market, config)
        self.portfolio = Portfolio(market, config, self.actions, count)
        self.recorder = Recorder(count) if record else None
        self._episodes = Episodes(config, market.rows)
        self._rewards = make_reward(config.reward, count, trusted)
        self._rows, self._ruin = market.rows, config.ruin * config.initial_cash
        self._numbers = who.first + np.arange(count, dtype=np.int64)
        self._bar, self._length = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self._gained = np.zeros(count)
        self.seed(np.full(count, who.seed, dtype=np.int64))

    def seed(self, seeds: Array) -> None:
        """The next episode is the first, of these seeds, shape (environments,)."""
        if seeds.min() < 0:
            raise ValueError(f"seed {seeds.min()} is negative; expected 0 or more")
        self._seeds = seeds
        self._episode = np.full(len(seeds), -1, dtype=np.int64)

    def begin(self, which: Array) -> None:
        """The next episode where it is said."""
        self._episode = self._episode + which
        starts = self._episodes.starts(self._seeds, self._numbers, self._episode)
        self._bar = np.where(which, starts, self._bar)
        self._length = np.where(which, 0, self._length)
        self._gained = np.where(which, 0.0, self._gained)
        self.portfolio.clear(which)
        self._rewards.clear(which)
        if self.recorder is not None:
            self.recorder.clear(which)

    def advance(self, actions: Array) -> Stepped:
        """Carry out at the next bar what was decided at this one's close.

        Raises:
            ValueError: actions that are not in the space, or no episode has begun.
        """
        targets = self.actions.targets(actions)
        if targets.shape != self.portfolio.units.shape:
            raise ValueError(
                f"actions have the shape {np.shape(actions)}; expected one for each of "
                f"{len(self._bar)} environments"
            )
        if self._episode[0] < 0:
            raise ValueError("no episode has begun; call reset before the first step")
        self._bar = self._bar + 1
        outcome = self.portfolio.advance(targets, self._bar)
        rewards = self._rewards.of(outcome)
        self._length = self._length + 1
        self._gained = self._gained + rewards
        if self.recorder is not None:
            carried = self.portfolio.carried(self._bar)
            self.recorder.add(Row(self._bar, carried, self.portfolio.units, rewards, outcome))
        terminated = outcome.equity <= self._ruin
        truncated = (self._length >= self._episodes.length) & ~terminated
        return Stepped(rewards, terminated, truncated)

    def observe(self) -> Array:
        """What is seen now, shape (environments, size); a new array each time."""
        return self.observations.at(self._bar, self.portfolio)

    def facts(self) -> dict[str, Array]:
        """How the episodes stand, shape (environments,) each."""
        return {
            "equity": self.portfolio.equity.copy(),
            "reward": self._gained.copy(),
            "length": self._length.copy(),
            "episode": self._episode.copy(),
        }

    def ledger(self, place: int) -> Ledger:
        """The episode of one environment, up to now.

        Raises:
            ValueError: nothing is recorded.
        """
        number, episode = int(self._numbers[place]), int(self._episode[place])
        return self.recording().ledger(place, number, episode)

    def recording(self) -> Recorder:
        """What keeps the ledgers.

        Raises:
            ValueError: nothing is recorded.
        """
        if self.recorder is None:
            raise ValueError("this environment does not record; build it with record=True")
        return self.recorder

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything that steps change; recorded ledgers are no part of it."""
        counters = {name: getattr(self, f"_{name}").copy() for name in COUNTERS}
        return counters | {
            "gained": self._gained.copy(),
            "portfolio": self.portfolio.state_dict(),
            "rewards": self._rewards.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there, with the same market and configuration.

        Raises:
            IntegrityError: a state of other environments, or of a longer market.
        """
        expected, found = self.portfolio.units.shape, np.shape(state["portfolio"]["units"])
        latest = int(np.max(state["bar"]))
        if found != expected or latest >= self._rows:
            raise IntegrityError(
                f"a state of (environments, symbols) = {found} at bar {latest}; expected "
                f"{expected} on a market of {self._rows} bars"
            )
        for name in COUNTERS:
            setattr(self, f"_{name}", np.array(state[name], dtype=np.int64))
        self._gained = np.array(state["gained"], dtype=np.float64)
        self.portfolio.load_state_dict(state["portfolio"])
        self._rewards.load_state_dict(state["rewards"])
        if self.recorder is not None:
            self.recorder.clear(np.ones(len(self._bar), dtype=bool))
