"""Indicators of technical analysis, causal: a value uses its own bar and those before it.

Each takes a price series (float64, oldest first) and returns a series of the same length, NaN in
the warm-up. Libraries disagree about how recursions begin, so each function states its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def log_returns(price: pd.Series[float]) -> pd.Series[float]:
    """ln(p[t] / p[t-1]); the first is NaN."""
    return price.transform(np.log).diff()


def simple_moving_average(price: pd.Series[float], window: int) -> pd.Series[float]:
    """Mean of the last `window` prices; NaN before there are as many."""
    return price.rolling(window).mean()


def exponential_moving_average(price: pd.Series[float], window: int) -> pd.Series[float]:
    """m[t] = a·p[t] + (1 - a)·m[t-1] with a = 2 / (window + 1), seeded with the first price.

    The first `window - 1` values are NaN: the seed still weighs too much there.
    """
    return price.ewm(span=window, adjust=False, min_periods=window).mean()


def relative_strength_index(price: pd.Series[float], window: int) -> pd.Series[float]:
    """RSI by Wilder's smoothing (Wilder 1978), from 0 to 100.

    Average gain and loss are seeded with the plain mean of the first `window` changes; then
    a[t] = a[t-1] + (x[t] - a[t-1]) / window. A stretch without any loss is 100, one without any
    change 50. The first `window` values are NaN.
    """
    change = price.diff()
    gain = _wilder(change.clip(lower=0.0), window)
    loss = _wilder(-change.clip(upper=0.0), window)
    total = gain + loss
    rsi = 100.0 * gain / total.where(total > 0)
    return rsi.where((total > 0) | total.isna(), 50.0)


def historical_volatility(price: pd.Series[float], window: int) -> pd.Series[float]:
    """Sample standard deviation (n - 1) of the last `window` log returns, a bar, not a year."""
    return log_returns(price).rolling(window).std()


def _wilder(values: pd.Series[float], window: int) -> pd.Series[float]:
    """Wilder's smoothing of changes, whose first is NaN; by pandas' recursion from a seed."""
    seeded = values.copy()
    seeded.iloc[:window] = np.nan
    if len(values) > window:
        seeded.iloc[window] = values.iloc[1 : window + 1].mean()
    return seeded.ewm(alpha=1.0 / window, adjust=False, ignore_na=True).mean()
