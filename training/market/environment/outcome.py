"""What one bar did to the accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from training.types import Array


class Outcome(NamedTuple):
    """Of one bar, in every environment; what a reward may depend on.

    Attributes:
        before: equity at the close before, shape (environments,).
        equity: equity at the bar's close, after all costs, shape (environments,).
        returns: simple return of the equity, shape (environments,).
        weights: value of each position at the close as a share of the equity, shape (environments,
            symbols).
        traded: value bought and sold in the bar, shape (environments,).
        costs: what trading and borrowing cost in the bar, shape (environments,).
        drawdown: how far the equity is below its highest of the episode, as a share of it, from 0
            (not at all) to 1, shape (environments,).
    """

    before: Array
    equity: Array
    returns: Array
    weights: Array
    traded: Array
    costs: Array
    drawdown: Array
