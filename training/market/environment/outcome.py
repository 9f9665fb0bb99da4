"""What one bar did to the accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from training.types import Array


class Outcome(NamedTuple):
    """Of one bar, in every environment; what a reward may depend on.

    Attributes:
        before: equity at the close before, shape (environments,).
        equity: equity at the bar's close, after all costs, shape (environments,).
        peak: the highest equity of the episode so far, shape (environments,).
        weights: value of each position at the close as a share of the equity, shape (environments,
            symbols).
        traded: value bought and sold in the bar, shape (environments,).
        costs: what trading and borrowing cost in the bar, shape (environments,).
    """

    before: Array
    equity: Array
    peak: Array
    weights: Array
    traded: Array
    costs: Array

    @property
    def returns(self) -> Array:
        """Simple return of the equity, shape (environments,)."""
        returns: Array = self.equity / self.before - 1.0
        return returns

    @property
    def drawdown(self) -> Array:
        """How far the equity is below its highest, as a share of it, from 0 to 1."""
        below: Array = 1.0 - np.maximum(self.equity, 0.0) / self.peak
        return below
