"""What is traded, and what is known of it: bars of one symbol or several, and features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import DataError

if TYPE_CHECKING:
    from training.types import Array

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Market:
    """Bars and features, checked and, here, read-only.

    Attributes:
        features: float32, causal and scaled: row t from what is known at the close of bar t; shape
            (rows, inputs).
        open: float64, shape (rows, symbols).
        high: as `open`.
        low: as `open`.
        close: as `open`.
        times: of the bars, rising, shape (rows,).
        bars_per_year: what a year's borrow rate is divided by; None: not known.

    Raises:
        DataError: shapes or dtypes do not fit, or a value cannot be.
    """

    features: Array
    open: Array
    high: Array
    low: Array
    close: Array
    times: Array
    bars_per_year: float | None = None

    def __post_init__(self) -> None:
        """Check everything."""
        rows = _rows(self.features)
        self._keep("features", _checked("features", self.features, np.float32, rows))
        for name in PRICES:
            self._keep(name, _checked(name, getattr(self, name), np.float64, rows))
        self._keep("times", _frozen(np.ascontiguousarray(self.times)))
        _check_prices(self)
        _check_times(self.times, rows)
        if self.bars_per_year is not None and not 0 < self.bars_per_year < np.inf:
            raise DataError(
                f"bars_per_year is {self.bars_per_year}; expected a positive number, or None"
            )

    @classmethod
    def of_closes(
        cls, features: Array, close: Array, times: Array, bars_per_year: float | None = None
    ) -> Market:
        """A market of which only closes are known: every trade is at the next bar's close."""
        prices = dict.fromkeys(PRICES, close)
        return cls(features=features, times=times, bars_per_year=bars_per_year, **prices)

    @property
    def rows(self) -> int:
        """Number of bars."""
        return len(self.close)

    @property
    def symbols(self) -> int:
        """Number of symbols."""
        return int(self.close.shape[1])

    def part(self, start: int, stop: int) -> Market:
        """The bars from `start` to before `stop`, without a copy."""
        names = ("features", *PRICES, "times")
        return replace(self, **{name: getattr(self, name)[start:stop] for name in names})

    def _keep(self, name: str, values: Array) -> None:
        object.__setattr__(self, name, values)


def _rows(features: Array) -> int:
    if features.ndim != 2 or not features.size:  # noqa: PLR2004 - rows and inputs
        raise DataError(
            f"features have the shape {features.shape}; expected (rows, inputs), one at least"
        )
    return len(features)


def _checked(name: str, values: Array, dtype: type[np.floating[Any]], rows: int) -> Array:
    """A read-only view of the values."""
    if values.dtype != dtype or values.ndim != 2 or len(values) != rows or not values.size:  # noqa: PLR2004 - a table
        expected = np.dtype(dtype).name
        columns = "inputs" if name == "features" else "symbols"
        raise DataError(
            f"{name} is {values.dtype.name} of shape {values.shape}; expected {expected} of shape "
            f"({rows}, {columns}), as many rows as features have"
        )
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise DataError(
            f"{name}[{row}, {column}] is {values[row, column]}; expected finite numbers: leave out "
            "the rows in which something is missing, such as the warm-up of a feature"
        )
    return _frozen(np.ascontiguousarray(values))


def _frozen(values: Array) -> Array:
    view = values.view()
    view.flags.writeable = False
    return view


def _check_prices(market: Market) -> None:
    shape = market.close.shape
    for name in PRICES:
        prices = getattr(market, name)
        if prices.shape != shape:
            raise DataError(
                f"{name} has the shape {prices.shape} and close {shape}; expected the same"
            )
        _none("a price of 0 or below", name, prices, prices <= 0)
    for name in ("open", "close"):
        prices = getattr(market, name)
        _none(f"low above {name}", "low", market.low, market.low > prices)
        _none(f"high below {name}", "high", market.high, market.high < prices)


def _none(what: str, name: str, prices: Array, wrong: Array) -> None:
    if wrong.any():
        row, symbol = np.argwhere(wrong)[0]
        raise DataError(
            f"{name}[{row}, {symbol}] is {prices[row, symbol]}: {what} ({int(wrong.sum())} such "
            "values); expected 0 < low <= open, close <= high: mend the data, or leave these rows "
            "out"
        )


def _check_times(times: Array, rows: int) -> None:
    if times.shape != (rows,):
        raise DataError(f"times have the shape {times.shape}; expected ({rows},), one for each bar")
    late = np.flatnonzero(times[1:] <= times[:-1])
    if len(late):
        raise DataError(
            f"times[{late[0] + 1}] is {times[late[0] + 1]}, not after {times[late[0]]}; expected "
            "rising times, each once"
        )
