"""What a series of positions would have earned, after costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.market.measures import equity, measures

if TYPE_CHECKING:
    from training.types import Array

BASIS_POINTS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """A strategy over a stretch of bars.

    Attributes:
        positions: held from each bar to the next: 1 long, 0 in cash, -1 short; shape (bars,).
        traded: change of position at each bar, the entry at the first among them, shape (bars,).
        returns: simple return of each bar after costs, shape (bars,).
    """

    positions: Array
    traded: Array
    returns: Array

    @property
    def equity(self) -> Array:
        """What 1 has become after each bar, shape (bars,)."""
        return equity(self.returns)

    def measures(self, bars_per_year: float | None) -> dict[str, float]:
        """Those of the returns, and how the strategy traded.

        Besides `measures`: `turnover` (change of position a bar), `exposure` (share of the bars
        with a position), `hit_rate` (share of those that earned something after costs).
        """
        found = measures(self.returns, bars_per_year)
        held = self.positions != 0
        if len(held):
            found |= {"turnover": float(self.traded.mean()), "exposure": float(held.mean())}
        if held.any():
            found["hit_rate"] = float((self.returns[held] > 0).mean())
        return found


def backtest(positions: Array, returns: Array, *, cost_bps: float) -> Backtest:
    """Hold a position from each bar to the next.

    Args:
        positions: decided at the close of each bar, with nothing later known, shape (bars,).
        returns: simple return from each bar's close to the next one's, shape (bars,).
        cost_bps: cost of a change of position, in hundredths of a per cent of the traded value;
            entering at the first bar is one, leaving after the last is not.

    Raises:
        ValueError: not as many positions as returns.
    """
    if positions.shape != returns.shape:
        raise ValueError(
            f"positions of shape {positions.shape} and returns of shape {returns.shape}; expected "
            "one position for each return"
        )
    traded = np.abs(np.diff(positions, prepend=0.0))
    after = positions * returns - traded * cost_bps / BASIS_POINTS
    return Backtest(positions=positions, traded=traded, returns=after)
