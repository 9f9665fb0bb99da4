"""What a series of positions would have earned, after costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.market.measures import measures

if TYPE_CHECKING:
    from training.types import Array


@dataclass(frozen=True, slots=True)
class Backtest:
    """A strategy over a stretch of bars.

    Attributes:
        returns: simple return of each bar after costs, shape (bars,).
        positions: held from each bar to the next: 1 long, 0 in cash, -1 short.
    """

    returns: Array
    positions: Array

    def measures(self, bars_per_year: float) -> dict[str, float]:
        """Those of the returns, and `turnover` (a bar), `exposure`, and `hit_rate`."""
        found = measures(self.returns, bars_per_year)
        held = self.positions != 0
        if len(held):
            changes = np.abs(np.diff(self.positions, prepend=0.0))
            found |= {"turnover": float(changes.mean()), "exposure": float(held.mean())}
        if held.any():
            found["hit_rate"] = float((self.returns[held] > 0).mean())
        return found


def backtest(positions: Array, returns: Array, *, cost_bps: float) -> Backtest:
    """Hold a position from each bar to the next.

    Args:
        positions: decided at the close of each bar, with nothing later known, shape (bars,).
        returns: simple return from each bar's close to the next one's, shape (bars,).
        cost_bps: cost of a change of position, in hundredths of a per cent of the traded value;
            entering at the start is one.
    """
    traded = np.abs(np.diff(positions, prepend=0.0))
    after = positions * returns - traded * cost_bps / 10_000
    return Backtest(returns=after, positions=positions)
