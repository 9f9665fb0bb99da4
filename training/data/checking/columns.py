"""Checks of columns by themselves: missing, constant, outliers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.data.checking.view import deviations_from_median
from training.data.sources.columns import missing_column

if TYPE_CHECKING:
    from training.config.checks import ConstantCheck, MissingCheck, OutliersCheck
    from training.data.checking.view import Report, View
    from training.types import Array

LEAST_ROWS = 10
"""Fewer say nothing of what is usual."""


def check_missing_share(check: MissingCheck, view: View, report: Report) -> None:
    """Columns of which too much is missing."""
    for name, values in view.numbers.items():
        share = float(values.isna().mean()) if len(values) else 0.0
        if share > check.share:
            report.add(
                f"is missing in {share:.1%} of the rows, which is more than {check.share:.1%}; "
                "correct the source, leave the column out in data.source.columns, or raise the "
                "share of the check 'missing'",
                name,
            )


def check_constant(_: ConstantCheck, view: View, report: Report) -> None:
    """Columns that never change."""
    for name, values in view.numbers.items():
        known = values.dropna()
        if len(known) > 1 and known.min() == known.max():
            report.add(f"is {known.iloc[0]:g} in every row; it tells nothing: leave it out", name)


def check_outliers(check: OutliersCheck, view: View, report: Report) -> None:
    """Returns, or values of further columns, that are too far away."""
    for name in view.prices:
        if name in view.numbers:
            returns = view.log_returns(name)
            far = _distance(check, returns.to_numpy()) > check.threshold
            prices = view.numbers[name].loc[returns.index[far]]
            if far.any():
                moved = ", ".join(f"{value:+.1%}" for value in np.expm1(returns[far])[:3])
                report.add_values(prices, f"a return too far from the others ({moved})", _WAY)
    for name in check.columns:
        if name not in view.numbers:
            report.add(missing_column(name, list(view.numbers)))
            continue
        known = view.numbers[name].dropna()
        far = _distance(check, known.to_numpy()) > check.threshold
        if far.any():
            report.add_values(known[far], "too far from the other values", _WAY)


_WAY = "correct it, or raise the threshold of the check 'outliers'"


def _distance(check: OutliersCheck, values: Array) -> Array:
    if len(values) < LEAST_ROWS:
        return np.zeros(len(values))
    if check.method == "zscore":
        return deviations_from_median(values)
    low, high = np.percentile(values, (25, 75))
    beyond: Array = np.maximum(low - values, values - high)
    return beyond / (high - low) if high > low else np.zeros(len(values))
