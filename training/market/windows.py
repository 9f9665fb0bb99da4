"""What indicators are made of: values of a window, and recursions.

A windowed value depends on its window alone, to the last bit, wherever the series begins: each
window is added up afresh. A running sum would be quicker for long windows, but carry the rounding
of all that was before. A recursive value goes on, to the last bit, from a value that was kept.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.types import Array

_CARRY: ContextVar[Carry | None] = ContextVar("_CARRY", default=None)


class Carry:
    """Lets the recursions of one indicator go on where they were, when a series comes in pieces.

    A piece has some earlier values in front of its new ones, so that windows are whole. Recursions
    are known by their order within the indicator; each takes its mean of the place before the
    first new value from the piece before, and with it every later one, to the last bit.
    """

    def __init__(self, before: int) -> None:
        """Keep so many means of each recursion: as many as values that are put in front."""
        self._before = before
        self._means: dict[int, Array] = {}
        self._number = 0
        self._new: int | None = None

    @contextmanager
    def piece(self, new: int | None) -> Iterator[None]:
        """Within it an indicator is computed.

        Args:
            new: values at the end that are new; None: the series begins here.
        """
        self._number, self._new = 0, new
        token = _CARRY.set(self)
        try:
            yield
        finally:
            _CARRY.reset(token)

    def mean(self, values: Array, alpha: float) -> Array:
        """`recursive_mean`, from where it was."""
        number = self._number
        self._number += 1
        if self._new is not None:
            values = values.copy()
            values[0] = self._means[number][self._new - len(values)]
        means = _recursion(values, alpha)
        self._means[number] = means[-self._before :].copy()
        return means


BLOCK = 8192
"""Rows that are worked on at once: they stay in cache while the window goes over them."""


def window_sum(values: Array, window: int) -> Array:
    """Sums of `window` neighbours, shape (values - window + 1,)."""
    rows = len(values) - window + 1
    total = np.zeros(rows)
    for at in range(0, rows, BLOCK):
        block = total[at : at + BLOCK]
        for first in range(at, at + window):
            block += values[first : first + len(block)]
    return total


def rolling_mean(values: Array, window: int) -> Array:
    """Mean of the last `window` values; the first `window - 1` are NaN."""
    mean = np.full(len(values), np.nan)
    if len(values) >= window:
        mean[window - 1 :] = window_sum(values, window) / window
    return mean


def rolling_deviation(values: Array, window: int, *, sample: bool) -> Array:
    """Standard deviation of the last `window` values; the first `window - 1` are NaN.

    Args:
        values: shape (bars,).
        window: how many.
        sample: divide by `window - 1`, else by `window`.
    """
    deviation = np.full(len(values), np.nan)
    if len(values) >= window:
        mean = window_sum(values, window) / window
        squares = np.zeros_like(mean)
        for at in range(0, len(mean), BLOCK):
            block, middle = squares[at : at + BLOCK], mean[at : at + BLOCK]
            distance = np.empty_like(block)
            for first in range(at, at + window):
                np.subtract(values[first : first + len(block)], middle, out=distance)
                np.multiply(distance, distance, out=distance)
                block += distance
        deviation[window - 1 :] = np.sqrt(squares / (window - sample))
    return deviation


def rolling_extreme(values: Array, window: int, *, largest: bool) -> Array:
    """The largest or smallest of the last `window` values; the first `window - 1` are NaN."""
    found = np.full(len(values), np.nan)
    rows = len(values) - window + 1
    if rows > 0:
        extreme = values[window - 1 :].copy()
        choose = np.maximum if largest else np.minimum
        for offset in range(window - 1):
            choose(extreme, values[offset : offset + rows], out=extreme)
        found[window - 1 :] = extreme
    return found


def bars_since_extreme(values: Array, window: int, *, largest: bool) -> Array:
    """How many bars ago, from 0, the extreme of the last `window` values was: of equals the last.

    The first `window - 1` are NaN.
    """
    found = np.full(len(values), np.nan)
    rows = len(values) - window + 1
    if rows > 0:
        extreme = values[window - 1 :].copy()
        since = np.zeros(rows)
        for back in range(1, window):
            older = values[window - 1 - back : window - 1 - back + rows]
            further = older > extreme if largest else older < extreme
            extreme[further] = older[further]
            since[further] = back
        found[window - 1 :] = since
    return found


def recursive_mean(values: Array, alpha: float) -> Array:
    """m[t] = (1 - alpha)·m[t-1] + alpha·x[t] with m[0] = x[0].

    To go on from a mean that was kept, put it in front of the new values, and leave out the first
    of the result; `Carry` does so for series that come in pieces.
    """
    carry = _CARRY.get()
    return _recursion(values, alpha) if carry is None else carry.mean(values, alpha)


def _recursion(values: Array, alpha: float) -> Array:
    import pandas as pd

    return pd.Series(values).ewm(alpha=alpha, adjust=False).mean().to_numpy(copy=True)


def wilder_mean(values: Array, window: int) -> Array:
    """Wilder's smoothing (1978), from the `window`-th value on, shape (values - window + 1,).

    Seeded with the plain mean of the first `window`; then a[t] = a[t-1] + (x[t] - a[t-1]) / window.
    """
    seeded = values[window - 1 :].copy()
    seeded[0] = values[:window].mean()
    return recursive_mean(seeded, 1.0 / window)
