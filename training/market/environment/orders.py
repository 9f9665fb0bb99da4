"""How many units a wanted weight means, when the trade itself has to be paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.market.environment.totals import total

if TYPE_CHECKING:
    from training.types import Array


def values_after(targets: Array, moved: Array, held: Array, equity: Array, rate: Array) -> Array:
    """The value that each traded position has after the trade: its weight of what is left.

    A weight w of the equity E' that is left after costs: with the values h that were held and costs
    of a share c of what is traded, E' = E - sum c·|w·E' - h|. The sign of each trade follows from
    the equity before, and so E' = (E + sum s·c·h) / (1 + sum s·c·w). All-long thus spends all
    cash, and not a cent more.

    Args:
        targets: wanted weights, shape (environments, symbols), as `moved`, `held` and `rate`.
        moved: which of them are traded.
        held: values of the positions before.
        equity: before, 0 or more, shape (environments,).
        rate: costs as a share of the traded value.

    Returns:
        Shape (environments, symbols); it means nothing for positions that are not traded.
    """
    paid = np.where(moved, np.copysign(rate, targets * equity[:, np.newaxis] - held), 0.0)
    left = (equity + total(paid * held)) / (1.0 + total(paid * targets))
    values: Array = targets * np.maximum(left, 0.0)[:, np.newaxis]
    return values


def within(
    targets: Array, moved: Array, held: Array, equity: Array, rate: Array, gross: float
) -> Array:
    """The wanted weights, scaled down to what the positions that stay leave of the limit.

    With A = sum |w| and G = sum |h| over those that stay, the factor k solves
    k·A·E' + G = gross·E', where E' is that of `values_after` with k·w.

    Args:
        targets: as in `values_after`, and the next four.
        moved: as there.
        held: as there.
        equity: as there.
        rate: as there.
        gross: the largest sum of weights.
    """
    wanted = total(np.where(moved, np.abs(targets), 0.0))
    stays = total(np.where(moved, 0.0, np.abs(held)))
    scaled = targets
    for _ in range(2):  # scaled down, what was to be bought may have to be sold
        paid = np.where(moved, np.copysign(rate, scaled * equity[:, np.newaxis] - held), 0.0)
        left = equity + total(paid * held)
        slope = left * wanted + stays * total(paid * targets)
        room = left * gross - stays
        tight = (slope > room) & (slope > 0)
        factor = np.divide(room, slope, out=np.ones_like(slope), where=tight)
        scaled = targets * np.maximum(factor, 0.0)[:, np.newaxis]
    return scaled
