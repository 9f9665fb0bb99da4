"""Measures of a series of returns, with empyrical's semantics (risk-free rate 0).

A measure that is not defined (no variation, no loss, no year to scale to), or too large for a
float, is left out: it is neither 0 nor infinite.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.types import Array

TAIL = 0.05


def measures(
    returns: Array, bars_per_year: float | None, *, tail: float = TAIL
) -> dict[str, float]:
    """Return and risk of simple returns, one a bar.

    Args:
        returns: shape (bars,). As in empyrical a NaN earns nothing and counts as time, but not in
            means, deviations and tails.
        bars_per_year: bars in a year; None: not known, and annual figures are left out.
        tail: share of the worst bars that `value_at_risk` looks at; 0.05 is 95 % confidence.

    Returns:
        Those that are defined of `total_return`, `annual_return`, `volatility` (annual),
        `sharpe`, `sortino`, `calmar`, `max_drawdown` (0 or negative), `max_drawdown_bars`: from
        the peak before the deepest point until it is reached again, or the end; `profit_factor`:
        what the bars that gained did gain, over what the others lost; `value_at_risk` and
        `conditional_value_at_risk`: of the returns of single bars, with their sign, so that a
        loss is negative.
    """
    growth = equity(returns)
    if len(growth) == 0 or not np.isfinite(growth).all():
        return {}
    found = {"total_return": float(growth[-1]) - 1.0}
    found["max_drawdown"], found["max_drawdown_bars"] = _deepest(growth)
    if bars_per_year is not None:
        found |= _annual(returns, float(growth[-1]), found["max_drawdown"], bars_per_year)
    known = returns[~np.isnan(returns)]
    if len(known):
        found |= _gains(known) | _worst(known, tail)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def equity(returns: Array) -> Array:
    """What 1 has become after each bar, shape (bars,); what is lost wholly stays lost.

    Infinite, or not a number after that, where it is too large for a float.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.cumprod(np.maximum(1.0 + np.nan_to_num(returns), 0.0))


def _deepest(growth: Array) -> tuple[float, float]:
    """The deepest fall from a peak, the beginning among them, and how many bars it lasted."""
    whole = np.concatenate(([1.0], growth))
    peaks = np.maximum.accumulate(whole)
    drawdown = whole / peaks - 1.0
    bottom = int(np.argmin(drawdown))
    if drawdown[bottom] == 0:
        return 0.0, 0.0
    peak = int(np.flatnonzero(drawdown[:bottom] == 0)[-1])
    recovered = np.flatnonzero(whole[bottom:] >= peaks[bottom])
    end = bottom + int(recovered[0]) if len(recovered) else len(growth)
    return float(drawdown[bottom]), float(end - peak)


def _annual(
    returns: Array, final: float, max_drawdown: float, bars_per_year: float
) -> dict[str, float]:
    with np.errstate(over="ignore"):  # a few bars of a minute, scaled to a year
        found = {"annual_return": float(np.power(final, bars_per_year / len(returns))) - 1.0}
    if max_drawdown < 0:
        found["calmar"] = found["annual_return"] / -max_drawdown
    known = returns[~np.isnan(returns)]
    if len(known) < 2:  # noqa: PLR2004 - one value does not vary
        return found
    mean, root = float(known.mean()), math.sqrt(bars_per_year)
    # Equal values have no deviation, whatever rounding makes of their mean.
    deviation = float(known.std(ddof=1)) if np.ptp(known) > 0 else 0.0
    downside = math.sqrt(float(np.square(np.minimum(known, 0.0)).mean()))
    found["volatility"] = deviation * root
    if deviation > 0:
        found["sharpe"] = mean / deviation * root
    if downside > 0:
        found["sortino"] = mean / downside * root
    return found


def _gains(known: Array) -> dict[str, float]:
    lost = -float(known[known < 0].sum())
    return {"profit_factor": float(known[known > 0].sum()) / lost} if lost > 0 else {}


def _worst(known: Array, tail: float) -> dict[str, float]:
    """The historical quantile, and the mean of the bars up to it, as empyrical counts them."""
    ordered = np.sort(known)
    at = int((len(known) - 1) * tail)
    return {
        "value_at_risk": float(np.percentile(known, 100 * tail)),
        "conditional_value_at_risk": float(ordered[: at + 1].mean()),
    }
