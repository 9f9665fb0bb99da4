"""Indicators of one series of prices, causal: a value uses its own bar and those before it.

Each takes prices (float64, shape (bars,), oldest first) and returns as many values, NaN in the
warm-up. Libraries disagree about how recursions begin, so each function says how its own does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from training.market.windows import recursive_mean, rolling_deviation, rolling_mean, wilder_mean

if TYPE_CHECKING:
    from training.types import Array


class Macd(NamedTuple):
    """Moving average convergence / divergence, each of shape (bars,)."""

    line: Array
    signal: Array
    histogram: Array


class Bands(NamedTuple):
    """Bollinger bands, each of shape (bars,)."""

    lower: Array
    middle: Array
    upper: Array


def log_returns(price: Array) -> Array:
    """ln(p[t] / p[t-1]); the first is NaN."""
    logs = np.log(price)
    returns = np.full(len(price), np.nan)
    np.subtract(logs[1:], logs[:-1], out=returns[1:])
    return returns


def simple_moving_average(price: Array, window: int) -> Array:
    """Mean of the last `window` prices; the first `window - 1` are NaN."""
    return rolling_mean(price, window)


def exponential_moving_average(price: Array, window: int) -> Array:
    """m[t] = a·p[t] + (1 - a)·m[t-1] with a = 2 / (window + 1), seeded with the first price.

    The first `window - 1` values are NaN: the seed still weighs too much there.
    """
    mean = recursive_mean(price, 2.0 / (window + 1))
    mean[: window - 1] = np.nan
    return mean


def macd(price: Array, fast: int, slow: int, signal: int) -> Macd:
    """The fast less the slow exponential average, its own average (the signal), and their distance.

    All three averages are seeded with their first value. The first `slow + signal - 2` values are
    NaN, as in TA-Lib.
    """
    line = recursive_mean(price, 2.0 / (fast + 1)) - recursive_mean(price, 2.0 / (slow + 1))
    smooth = np.full(len(price), np.nan)
    smooth[slow - 1 :] = recursive_mean(line[slow - 1 :], 2.0 / (signal + 1))
    for values in (line, smooth):
        values[: slow + signal - 2] = np.nan
    return Macd(line, smooth, line - smooth)


def relative_strength_index(price: Array, window: int) -> Array:
    """RSI by Wilder's smoothing (Wilder 1978), from 0 to 100.

    Average gain and loss are seeded with the plain mean of the first `window` changes; then
    a[t] = a[t-1] + (x[t] - a[t-1]) / window. Without any loss it is 100, without any change 50.
    The first `window` values are NaN.
    """
    rsi = np.full(len(price), np.nan)
    change = np.diff(price)
    if len(change) >= window:
        gain = wilder_mean(np.maximum(change, 0.0), window)
        np.negative(change, out=change)
        moved = wilder_mean(np.maximum(change, 0.0, out=change), window)
        moved += gain
        share = rsi[window:]
        share[:] = 0.5
        np.divide(gain, moved, out=share, where=moved > 0)
        share *= 100.0
    return rsi


def historical_volatility(price: Array, window: int) -> Array:
    """Sample standard deviation (n - 1) of the last `window` log returns, a bar, not a year.

    The first `window` values are NaN.
    """
    volatility = np.full(len(price), np.nan)
    volatility[1:] = rolling_deviation(log_returns(price)[1:], window, sample=True)
    return volatility


def bollinger_bands(price: Array, window: int, deviations: float) -> Bands:
    """The mean of the last `window` prices, and so many standard deviations (n) around it.

    The first `window - 1` values are NaN.
    """
    middle = rolling_mean(price, window)
    distance = deviations * rolling_deviation(price, window, sample=False)
    return Bands(middle - distance, middle, middle + distance)
