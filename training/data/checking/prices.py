"""Checks of prices: bars that cannot be, and jumps that a split makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.data.checking.view import deviations_from_median

if TYPE_CHECKING:
    from training.config.checks import PricesCheck, SplitsCheck
    from training.data.checking.view import Report, View

RATIOS = np.array([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100])
"""New shares for an old one in the splits that companies make."""
UNUSUAL = 8.0
"""A split is a jump that is so many robust deviations from the usual return."""


def check_prices(check: PricesCheck, view: View, report: Report) -> None:
    """Low above high, open or close outside of them, negative volume."""
    named = {name.lower(): values for name, values in view.numbers.items()}
    high, low = named.get("high"), named.get("low")
    if high is not None and low is not None:
        room = check.tolerance * high.abs()
        upside_down = high < low - room
        if upside_down.any():
            report.add_values(high[upside_down], "a high below the low of its row", _SWAPPED)
        for name in ("open", "close"):
            price = named.get(name)
            if price is not None:
                outside = ((price > high + room) | (price < low - room)) & ~upside_down
                if outside.any():
                    report.add_values(price[outside], "not between low and high", _SWAPPED)
    volume = named.get("volume")
    if volume is not None and (volume < 0).any():
        report.add_values(volume[volume < 0], "volume cannot be below 0", "correct the source")


_SWAPPED = "correct the source, or set the level of the check 'prices' if these columns are no bars"


def check_splits(check: SplitsCheck, view: View, report: Report) -> None:
    """Jumps to nearly a half, a third, … of a price, or to as many times it."""
    for name in view.prices:
        if name not in view.numbers:
            continue
        returns = view.log_returns(name)
        if returns.empty:
            continue
        moves = returns.to_numpy()
        usual = np.median(np.abs(moves))  # on the day of a split a price moves besides
        apart = np.abs(np.abs(moves)[:, np.newaxis] - np.log(RATIOS)).min(axis=1)
        near = apart <= np.maximum(check.tolerance, 4 * usual)
        jumps = near & (deviations_from_median(moves) > UNUSUAL)
        if jumps.any():
            report.add_values(
                view.numbers[name].loc[returns.index[jumps]],
                "a jump as a split makes it",
                "use prices that are adjusted for splits, or correct the source",
            )
