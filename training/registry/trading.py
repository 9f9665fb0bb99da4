"""A registered agent that trades, as a model of rows: from a row to the position that it wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import ConfigError, DataError
from training.models.agents.worlds import FIRST_SEED

if TYPE_CHECKING:
    from training.config.trading import TradingConfig
    from training.models import Model
    from training.models.agents.episodes import Measured
    from training.types import Array, Batch, Metrics

COLUMNS = {
    "position": "position",
    "cash": "cash_share",
    "unrealised": "unrealised",
    "drawdown": "drawdown",
}
"""Facts of the account that an agent may see, and the columns that say them of a row to score."""


class TradingPolicy:
    """Says for each row the weight that the agent wants to hold, as a share of the equity.

    The account is what is said of the row, else in cash.

    Attributes:
        columns: that say what is held at a row.
        config: of the environment that the agent was trained in.
    """

    def __init__(self, agent: Model, config: TradingConfig, *, several: bool = False) -> None:
        """Put the agent behind its environment's view of things.

        Args:
            agent: which acts.
            config: of the environment that it was trained in.
            several: whether it trades several symbols at once.
        """
        from training.market.environment.actions import make_actions  # needs the extra `agents`

        self._agent, self.config, self._several = agent, config, several
        self._seen = config.observation
        self._actions = make_actions(config, 1)
        self.columns = tuple(COLUMNS[fact] for fact in self._seen.account)

    def predict(self, x: Array, account: Array | None = None) -> Array:
        """The wanted weights, float64, shape (rows,).

        Args:
            x: windows of features, shape (rows, window, features).
            account: the facts that `columns` name, shape (rows, facts); None: in cash.

        Raises:
            ConfigError: the agent decides on several symbols at once, and a row is of one.
        """
        if self._several:
            raise ConfigError(
                "this agent decides on several symbols at once, from the bars of all of them, so a "
                "row of one symbol has no prediction; let it act in a "
                "training.market.environment.TradingEnv, or train an agent for each symbol"
            )
        if account is None:
            account = np.tile(self.in_cash(), (len(x), 1))
        seen = np.concatenate([account, x.reshape(len(x), -1)], axis=1)
        limit = self._seen.clip or np.finfo(np.float32).max
        actions = self._agent.predict(np.clip(seen, -limit, limit).astype(np.float32))
        if not len(actions):
            return np.empty(0)
        weights: Array = self._actions.targets(actions)[:, 0]
        return weights

    def act_in(self, environment: Any) -> Measured:  # noqa: ANN401 - a `MeasuredEnv`
        """One episode without exploring, by the agent's own seed for it."""
        agent: Any = self._agent
        [episode] = agent.act_in([environment], [FIRST_SEED])
        measured: Measured = episode
        return measured

    def in_cash(self) -> Array:
        """The facts of an account without a position."""
        return np.array([float(fact == "cash") for fact in self._seen.account])

    def account(self, frame: Any) -> Array:  # noqa: ANN401 - a DataFrame
        """The facts of each row of a table; without a column 0, or what the position leaves.

        Raises:
            DataError: a value that is not a number.
        """
        facts = np.tile(self.in_cash(), (len(frame), 1))
        for place, name in enumerate(self.columns):
            if name in frame.columns:
                facts[:, place] = frame[name].to_numpy("float64")
            elif name == COLUMNS["cash"] and COLUMNS["position"] in frame.columns:
                facts[:, place] = 1.0 - frame[COLUMNS["position"]].to_numpy("float64")
        if not np.isfinite(facts).all():
            raise DataError(
                f"a value is missing in {', '.join(self.columns)}; expected what is held at each "
                "row"
            )
        return facts

    def train_on_batch(self, batch: Batch) -> Metrics:
        """As the agent does."""
        return self._agent.train_on_batch(batch)

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        """As the agent does."""
        return self._agent.evaluate_on_batch(batch)

    def state_dict(self) -> dict[str, Any]:
        """The agent's."""
        return self._agent.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The agent's."""
        self._agent.load_state_dict(state)
