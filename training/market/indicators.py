"""Indicators of technical analysis, causal: a value uses its own bar and those before it.

Each takes prices (float64, shape (bars,), oldest first) and returns as many values, NaN in the
warm-up. Libraries disagree about how recursions begin, so each function says how its own does.
A windowed value depends on its window alone, to the last bit, wherever the series begins; a
recursive one goes on, to the last bit, from a value that was kept (`recursive_mean`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.types import Array


def log_returns(price: Array) -> Array:
    """ln(p[t] / p[t-1]); the first is NaN."""
    returns = np.full(len(price), np.nan)
    returns[1:] = np.diff(np.log(price))
    return returns


def simple_moving_average(price: Array, window: int) -> Array:
    """Mean of the last `window` prices; the first `window - 1` are NaN."""
    mean = np.full(len(price), np.nan)
    if len(price) >= window:
        mean[window - 1 :] = _window_sum(price, window) / window
    return mean


def exponential_moving_average(price: Array, window: int) -> Array:
    """m[t] = a·p[t] + (1 - a)·m[t-1] with a = 2 / (window + 1), seeded with the first price.

    The first `window - 1` values are NaN: the seed still weighs too much there.
    """
    mean = recursive_mean(price, 2.0 / (window + 1))
    mean[: window - 1] = np.nan
    return mean


def relative_strength_index(price: Array, window: int) -> Array:
    """RSI by Wilder's smoothing (Wilder 1978), from 0 to 100.

    Average gain and loss are seeded with the plain mean of the first `window` changes; then
    a[t] = a[t-1] + (x[t] - a[t-1]) / window. Without any loss it is 100, without any change 50.
    The first `window` values are NaN.
    """
    rsi = np.full(len(price), np.nan)
    change = np.diff(price)
    if len(change) >= window:
        gain = _wilder_mean(np.maximum(change, 0.0), window)
        loss = _wilder_mean(np.maximum(-change, 0.0), window)
        moved = gain + loss
        share = np.divide(gain, moved, out=np.full(len(moved), 0.5), where=moved > 0)
        rsi[window:] = 100.0 * share
    return rsi


def historical_volatility(price: Array, window: int) -> Array:
    """Sample standard deviation (n - 1) of the last `window` log returns, a bar, not a year.

    The first `window` values are NaN.
    """
    volatility = np.full(len(price), np.nan)
    returns = np.diff(np.log(price))
    if len(returns) >= window:
        mean = _window_sum(returns, window) / window
        squares = np.zeros_like(mean)
        for offset in range(window):
            squares += np.square(returns[offset : offset + len(mean)] - mean)
        volatility[window:] = np.sqrt(squares / (window - 1))
    return volatility


def recursive_mean(values: Array, alpha: float) -> Array:
    """m[t] = (1 - alpha)·m[t-1] + alpha·x[t] with m[0] = x[0].

    To go on from a mean that was kept, put it in front of the new values, and leave out the first
    of the result.
    """
    import pandas as pd

    return pd.Series(values).ewm(alpha=alpha, adjust=False).mean().to_numpy(copy=True)


def _wilder_mean(changes: Array, window: int) -> Array:
    """From the `window`-th change on, shape (changes - window + 1,)."""
    seeded = changes[window - 1 :].copy()
    seeded[0] = changes[:window].mean()
    return recursive_mean(seeded, 1.0 / window)


def _window_sum(values: Array, window: int) -> Array:
    """Sums of `window` neighbours, each added up afresh, shape (values - window + 1,).

    A running sum would be quicker for long windows, but carry the rounding of all that was before.
    """
    rows = len(values) - window + 1
    total = np.zeros(rows)
    for offset in range(window):
        total += values[offset : offset + rows]
    return total
