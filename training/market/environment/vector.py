"""Many trading environments that step together, in a few calls of NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from training.market.environment.simulation import Numbered, Simulation

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from training.config.trading import TradingConfig
    from training.market.environment.ledger import Ledger
    from training.market.environment.market import Market
    from training.market.environment.portfolio import Portfolio
    from training.types import Array


class TradingVectorEnv(VectorEnv):  # type: ignore[misc] # gymnasium is optional, so it has no types here
    """So many environments on one market, each with its own account and episodes.

    An episode is terminated when the account is ruined and truncated when its bars are over. The
    next one then begins in the same step (`AutoresetMode.SAME_STEP`): the step's observation is
    its first, and `infos["final_obs"]` and `infos["final_info"]` have what belongs to the old one.
    Where an episode begins follows from (seed, number of the environment, number of the episode):
    `reset(seed=…)` begins with episode 0, `reset()` with the next. There is no generator.

    Attributes:
        market: what is traded.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": [],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        market: Market,
        config: TradingConfig,
        num_envs: int = 1,
        seed: int = 0,
        *,
        first: int = 0,
        record: bool = False,
        trusted: Collection[str] | None = None,
    ) -> None:
        """Build the environments; `reset` comes before the first step.

        Args:
            market: what is traded; shared, and never written to.
            config: what is seen, allowed, paid and rewarded.
            num_envs: how many.
            seed: where episodes begin follows from it; 0 or more.
            first: number of the first environment; the others follow.
            record: keep what each step did, for `ledgers`.
            trusted: modules that a reward may come from; None: any.

        Raises:
            ConfigError: market and configuration do not go together.
        """
        self.market, self.num_envs = market, num_envs
        who = Numbered(num_envs, first, seed)
        self._all = Simulation(market, config, who, record=record, trusted=trusted)
        self.single_observation_space = self._all.observations.space
        self.single_action_space = self._all.actions.space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def portfolio(self) -> Portfolio:
        """The accounts, to look at."""
        return self._all.portfolio

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Array, dict[str, Any]]:
        """Begin the next episode everywhere, or, with a seed, the first.

        Args:
            seed: one for all, which differ by their numbers, or one for each.
            options: there are none.
        """
        if seed is not None:
            self._all.seed(np.array(np.broadcast_to(seed, self.num_envs), dtype=np.int64))
        self._all.begin(np.ones(self.num_envs, dtype=bool))
        return self._all.observe(), {}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Carry out at the next bar what was decided at this one's close.

        Args:
            actions: of each environment, as `action_space` has them.

        Raises:
            ValueError: actions that are not in the space.
        """
        stepped = self._all.advance(actions)
        seen = self._all.observe()
        over = stepped.terminated | stepped.truncated
        infos: dict[str, Any] = {}
        if over.any():
            infos = self._final(over, seen)
            self._all.begin(over)
            seen = np.where(over[:, np.newaxis], self._all.observe(), seen)
        return seen, *stepped, infos

    def observe(self) -> Array:
        """What is seen now, shape (environments, size); a new array each time."""
        return self._all.observe()

    def ledgers(self) -> list[Ledger]:
        """The episodes that have ended since this was last asked, in the order in which they did.

        Raises:
            ValueError: the environment does not record.
        """
        return self._all.recording().take()

    def ledger(self, place: int = 0) -> Ledger:
        """The episode that is going on in one of the environments, up to now.

        Raises:
            ValueError: the environment does not record.
        """
        return self._all.ledger(place)

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything that steps change: an environment that loads it goes on bit by bit.

        Recorded ledgers are not part of it.
        """
        return self._all.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; the market and the configuration have to be the same.

        Raises:
            IntegrityError: a state of another number of environments or symbols, or another market.
        """
        self._all.load_state_dict(state)

    def _final(self, over: Array, seen: Array) -> dict[str, Any]:
        """What gymnasium hands over of episodes that end; their ledgers are kept."""
        last = np.full(self.num_envs, None, dtype=object)
        for place in np.flatnonzero(over):
            last[place] = seen[place].copy()
            if self._all.recorder is not None:
                self._all.recorder.finished.append(self._all.ledger(int(place)))
        facts: dict[str, Any] = self._all.facts()
        facts |= {f"_{name}": over.copy() for name in facts}
        return {
            "final_obs": last,
            "_final_obs": over.copy(),
            "final_info": facts,
            "_final_info": over.copy(),
        }
