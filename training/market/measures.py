"""Measures of a series of returns, with empyrical's semantics (risk-free rate 0).

A measure that is not defined (no variation, no loss) is left out: neither 0 nor infinite.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.types import Array


def measures(returns: Array, bars_per_year: float) -> dict[str, float]:
    """Return and risk of simple returns, one a bar.

    Args:
        returns: shape (bars,), without NaN.
        bars_per_year: bars in a year, for annual figures.

    Returns:
        `total_return`, `annual_return`, `volatility` (annual), `sharpe`, `sortino`,
        `max_drawdown` (0 or negative), `max_drawdown_bars` (from a peak to the next), `calmar`;
        those that are defined.
    """
    if len(returns) == 0:
        return {}
    growth = np.cumprod(1.0 + returns)
    total = float(growth[-1]) - 1.0
    peaks = np.maximum.accumulate(np.concatenate(([1.0], growth)))[1:]
    drawdown = growth / peaks - 1.0
    deepest = float(drawdown.min())
    found = {
        "total_return": total,
        "annual_return": _power(1.0 + total, bars_per_year / len(returns)) - 1.0,
        "max_drawdown": deepest,
        "max_drawdown_bars": float(_longest_run(drawdown < 0.0)),
    }
    found |= _risk(returns, bars_per_year)
    if deepest < 0:
        found["calmar"] = found["annual_return"] / -deepest
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _risk(returns: Array, bars_per_year: float) -> dict[str, float]:
    found: dict[str, float] = {}
    mean, root = float(returns.mean()), math.sqrt(bars_per_year)
    if len(returns) > 1:
        deviation = float(returns.std(ddof=1))
        found["volatility"] = deviation * root
        if deviation > 0:
            found["sharpe"] = mean / deviation * root
    downside = math.sqrt(float(np.square(np.minimum(returns, 0.0)).mean()))
    if downside > 0:
        found["sortino"] = mean / downside * root
    return found


def _power(base: float, exponent: float) -> float:
    return float(base**exponent) if base > 0 else math.nan


def _longest_run(flags: Array) -> int:
    """Length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))
