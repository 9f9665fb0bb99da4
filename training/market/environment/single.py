"""One trading environment: the same simulation, of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from gymnasium import Env

from training.market.environment.simulation import Numbered, Simulation

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.config.trading import TradingConfig
    from training.market.environment.ledger import Ledger
    from training.market.environment.market import Market
    from training.market.environment.portfolio import Portfolio
    from training.types import Array

_ONE = np.ones(1, dtype=bool)


class TradingEnv(Env):  # type: ignore[misc] # gymnasium is optional, so it has no types here
    """One environment; number i does what number i of a `TradingVectorEnv` does, bit by bit.

    Unlike there the next episode begins when `reset` is called, not by itself.

    Attributes:
        market: what is traded.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(
        self,
        market: Market,
        config: TradingConfig,
        seed: int = 0,
        *,
        number: int = 0,
        record: bool = False,
        trusted: Collection[str] | None = None,
    ) -> None:
        """Build it; `reset` comes before the first step.

        Args:
            market: what is traded; shared, and never written to.
            config: what is seen, allowed, paid and rewarded.
            seed: where episodes begin follows from it; 0 or more.
            number: of the environment, which where episodes begin follows from, too.
            record: keep what each step did, for `ledger`.
            trusted: modules that a reward may come from; None: any.

        Raises:
            ConfigError: market and configuration do not go together.
        """
        self.market = market
        who = Numbered(1, number, seed)
        self._all = Simulation(market, config, who, record=record, trusted=trusted)
        self._over = True
        self.observation_space = self._all.observations.space
        self.action_space = self._all.actions.space

    @property
    def portfolio(self) -> Portfolio:
        """The account, to look at; its arrays have one row."""
        return self._all.portfolio

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Begin the next episode, or, with a seed, the first.

        Args:
            seed: see `TradingVectorEnv.reset`.
            options: there are none.
        """
        super().reset(seed=seed)
        if seed is not None:
            self._all.seed(np.array([seed], dtype=np.int64))
        self._all.begin(_ONE)
        self._over = False
        return self._all.observe()[0], {}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:  # noqa: ANN401 - a number or an array
        """Carry out at the next bar what was decided at this one's close.

        Args:
            action: as `action_space` has it.

        Raises:
            ValueError: an action that is not in the space, or the episode is over.
        """
        if self._over:
            raise ValueError("no episode is going on; call reset before the next step")
        stepped = self._all.advance(np.asarray(action)[np.newaxis])
        terminated, truncated = bool(stepped.terminated[0]), bool(stepped.truncated[0])
        self._over = terminated or truncated
        facts = self._all.facts() if self._over else {}
        info = {name: values[0].item() for name, values in facts.items()}
        return self._all.observe()[0], float(stepped.rewards[0]), terminated, truncated, info

    def ledger(self) -> Ledger:
        """The episode up to now, or the one that has ended.

        Raises:
            ValueError: the environment does not record.
        """
        return self._all.ledger(0)

    def state_dict(self) -> dict[str, Any]:
        """As that of `TradingVectorEnv`, and whether the episode is over."""
        return self._all.state_dict() | {"over": self._over}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; the market and the configuration have to be the same.

        Raises:
            IntegrityError: a state of another number of symbols, or another market.
        """
        self._all.load_state_dict(state)
        self._over = bool(state["over"])
