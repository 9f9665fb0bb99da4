"""Indicators of whole bars: high, low, close, volume; causal, NaN in the warm-up.

Each takes float64 arrays of shape (bars,), oldest first, and returns arrays of that shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from training.market.windows import bars_since_extreme, wilder_mean, window_sum

if TYPE_CHECKING:
    from training.types import Array


class Bars(NamedTuple):
    """Prices of bars, each of shape (bars,)."""

    high: Array
    low: Array
    close: Array


class DirectionalMovement(NamedTuple):
    """Wilder's directional movement system, from 0 to 100, each of shape (bars,)."""

    plus: Array
    minus: Array
    average: Array


class Aroon(NamedTuple):
    """How lately the extremes of a window were, from 0 to 100, each of shape (bars,)."""

    up: Array
    down: Array


def average_true_range(bars: Bars, window: int) -> Array:
    """Wilder's average of the true range, seeded with the mean of the first `window`.

    The true range needs the close before, so the first `window` values are NaN.
    """
    found = np.full(len(bars.close), np.nan)
    if len(found) > window:
        found[window:] = wilder_mean(_true_range(bars), window)
    return found


def directional_movement(bars: Bars, window: int) -> DirectionalMovement:
    """+DI, -DI and ADX (Wilder 1978), every average seeded with the mean of its first `window`.

    The first `window` values of +DI and -DI and the first `2·window - 1` of ADX are NaN. TA-Lib
    seeds the movements with one bar less, and comes to the same after some hundred bars.
    """
    plus, minus, average = (np.full(len(bars.close), np.nan) for _ in range(3))
    up, down = np.diff(bars.high), -np.diff(bars.low)
    if len(up) >= window:
        span = wilder_mean(_true_range(bars), window)
        plus[window:] = _percent(
            wilder_mean(np.where(up > down, np.maximum(up, 0), 0), window), span
        )
        minus[window:] = _percent(
            wilder_mean(np.where(down > up, np.maximum(down, 0), 0), window), span
        )
    if len(up) >= 2 * window - 1:
        both, apart = plus[window:] + minus[window:], np.abs(plus[window:] - minus[window:])
        average[2 * window - 1 :] = wilder_mean(_percent(apart, both), window)
    return DirectionalMovement(plus, minus, average)


def aroon(bars: Bars, window: int) -> Aroon:
    """100 · (window - bars since the extreme of the last `window + 1`) / window (Chande 1995).

    Of equal extremes the last counts, as in TA-Lib. The first `window` values are NaN.
    """
    highest = bars_since_extreme(bars.high, window + 1, largest=True)
    lowest = bars_since_extreme(bars.low, window + 1, largest=False)
    return Aroon(*(100.0 * (window - since) / window for since in (highest, lowest)))


def on_balance_volume(close: Array, volume: Array) -> Array:
    """Volume added up, positive after a rise and negative after a fall; it begins at 0."""
    return np.cumsum(_signed_volume(close, volume))


def volume_flow(close: Array, volume: Array, window: int) -> Array:
    """The change of the on-balance volume over a window, as a share of all volume in it, -1 to 1.

    Unlike the sum itself it does not depend on where the series begins. Without any volume it is 0.
    The first `window` values are NaN.
    """
    flow = np.full(len(close), np.nan)
    if len(close) > window:
        signed = window_sum(_signed_volume(close, volume)[1:], window)
        whole = window_sum(volume[1:], window)
        flow[window:] = np.divide(signed, whole, out=np.zeros(len(whole)), where=whole > 0)
    return flow


def _true_range(bars: Bars) -> Array:
    """Of all bars but the first, shape (bars - 1,)."""
    before = bars.close[:-1]
    return np.maximum(bars.high[1:], before) - np.minimum(bars.low[1:], before)


def _signed_volume(close: Array, volume: Array) -> Array:
    return np.sign(np.diff(close, prepend=close[:1])) * volume


def _percent(part: Array, whole: Array) -> Array:
    return 100.0 * np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
