"""What happened in an episode, bar by bar: what measures and reports are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from training.market.backtest import Backtest

if TYPE_CHECKING:
    from training.market.environment.outcome import Outcome
    from training.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """One episode of one environment, complete or up to now; a row for each step.

    Attributes:
        environment: its number.
        episode: its number, from 0.
        bars: row of the market in which each step was carried out, shape (steps,).
        positions: value of each position in the bar, at its open when all was traded, as a share of
            the equity then; negative when short, shape (steps, symbols). What a stop or a target
            closed later in the bar is among them.
        weights: the same at the bar's close, shape (steps, symbols).
        units: of each symbol at the bar's close, shape (steps, symbols).
        traded: value bought and sold in the bar, exits among it, shape (steps,).
        turnover: the same as a share of the equity before the bar, shape (steps,).
        costs: of trading and borrowing, shape (steps,).
        equity: at the bar's close, after costs, shape (steps,).
        returns: simple return of the equity, after costs, shape (steps,).
        rewards: shape (steps,).
    """

    environment: int
    episode: int
    bars: Array
    positions: Array
    weights: Array
    units: Array
    traded: Array
    turnover: Array
    costs: Array
    equity: Array
    returns: Array
    rewards: Array

    def backtest(self) -> Backtest:
        """The same as what the measures and reports of a backtest take."""
        one = self.positions.shape[1:] == (1,)
        positions = self.positions[:, 0] if one else self.positions
        return Backtest(positions=positions, traded=self.turnover, returns=self.returns)


class Row(NamedTuple):
    """A step of all environments, as `Ledger` has it."""

    bars: Array
    positions: Array
    units: Array
    rewards: Array
    outcome: Outcome


class Recorder:
    """Keeps what each step did, and makes ledgers of it.

    Attributes:
        finished: ledgers of episodes that ended, in the order in which they did.
    """

    def __init__(self, environments: int) -> None:
        """Begin with nothing."""
        self.finished: list[Ledger] = []
        self._rows: list[list[Row]] = [[] for _ in range(environments)]

    def add(self, row: Row) -> None:
        """Keep a step of all environments; its arrays are never written to."""
        for rows in self._rows:
            rows.append(row)

    def clear(self, which: Array) -> None:
        """Forget the episodes that are going on where it is said."""
        for place in np.flatnonzero(which):
            self._rows[place] = []

    def take(self) -> list[Ledger]:
        """The finished ones, once."""
        finished, self.finished = self.finished, []
        return finished

    def ledger(self, place: int, environment: int, episode: int) -> Ledger:
        """The episode that is going on in the environment at a place."""
        rows = self._rows[place]
        outcomes = [row.outcome for row in rows]

        def column(values: list[Array]) -> Array:
            return np.array([value[place] for value in values])

        return Ledger(
            environment=environment,
            episode=episode,
            bars=column([row.bars for row in rows]),
            positions=column([row.positions for row in rows]),
            weights=column([outcome.weights for outcome in outcomes]),
            units=column([row.units for row in rows]),
            traded=column([outcome.traded for outcome in outcomes]),
            turnover=column([outcome.traded / outcome.before for outcome in outcomes]),
            costs=column([outcome.costs for outcome in outcomes]),
            equity=column([outcome.equity for outcome in outcomes]),
            returns=column([outcome.returns for outcome in outcomes]),
            rewards=column([row.rewards for row in rows]),
        )
