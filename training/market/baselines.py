"""Strategies that know nothing, for a model's to stand beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.market.indicators import simple_moving_average

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.types import Array


def moving_average_cross(price: Array, fast: int, slow: int, *, short: bool = False) -> Array:
    """Long while the mean of the last `fast` prices is above that of the last `slow`.

    Args:
        price: closes, float64, oldest first, shape (bars,).
        fast: bars of the short mean.
        slow: bars of the long mean; in cash until so many are known.
        short: go short where it is not long; else stay in cash.

    Returns:
        The position decided at each bar's close, shape (bars,).
    """
    quick, calm = simple_moving_average(price, fast), simple_moving_average(price, slow)
    below = -1.0 if short else 0.0
    return np.where(quick > calm, 1.0, np.where(np.isnan(calm), 0.0, below))


def rearranged(positions: Array, random: np.random.Generator) -> Array:
    """The same positions one after the other, each held for a time drawn at random.

    What is traded at all and how long each position is held at all stay what they were, so that
    turnover and exposure are the same and only the moments are left to chance: all series of which
    that holds are equally likely. One that never changes has no other.

    Args:
        positions: shape (bars,); 0 before the first bar.
        random: what is drawn from.
    """
    starts = np.flatnonzero(np.diff(positions, prepend=0.0) != 0)
    held = np.append(0.0, positions[starts])  # in cash before the entry, for no bar at all or more
    lengths = np.diff(np.append(0, starts), append=len(positions))
    least = np.append(0, np.ones(len(starts), dtype=int))
    _, kind = np.unique(held, return_inverse=True)
    for own in np.split(np.argsort(kind, kind="stable"), np.cumsum(np.bincount(kind))[:-1]):
        free = int((lengths[own] - least[own]).sum())
        lengths[own] = least[own] + _parts(free, len(own), random)
    return np.repeat(held, lengths)


def median(measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each measure that is defined in at least half of the draws."""
    names = dict.fromkeys(name for one in measured for name in one)
    known = {name: [one[name] for one in measured if name in one] for name in names}
    return {
        name: float(np.median(values))
        for name, values in known.items()
        if 2 * len(values) >= len(measured)
    }


def _parts(total: int, count: int, random: np.random.Generator) -> Array:
    """So many whole numbers from 0 with this sum, all such rows equally likely."""
    bars = np.sort(random.choice(total + count - 1, count - 1, replace=False))
    return np.diff(bars, prepend=-1, append=total + count - 1) - 1
