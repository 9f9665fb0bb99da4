"""What columns of numbers must be: there, numbers, finite, and prices above 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from training.data.sources.columns import missing_column

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd
    from numpy.typing import NDArray

    from training.data.findings import Findings

NUMBERS = "expected numbers such as 1234.5"
MOSTLY = 0.5
"""A column of text with a larger share of numbers was meant to be numbers."""


class Numbers(NamedTuple):
    """A table whose used columns are float64.

    Attributes:
        frame: all rows and columns.
        missing: where a used value is missing or infinite, shape (rows,).
    """

    frame: pd.DataFrame
    missing: NDArray[np.bool_]


def numeric_columns(frame: pd.DataFrame, left_out: Collection[str | None]) -> list[str]:
    """The columns that hold numbers, or were meant to: a typing error must not hide one."""
    return [
        str(name)
        for name in frame.columns
        if name not in left_out and _is_meant_as_numbers(frame[name])
    ]


def as_numbers(
    frame: pd.DataFrame, used: Collection[str], prices: Collection[str], findings: Findings
) -> Numbers:
    """The same table with the used columns as float64; text and prices up to 0 are findings."""
    missing = np.zeros(len(frame), dtype=bool)
    converted: dict[str, pd.Series[float]] = {}
    for name in used:
        if name not in frame.columns:
            findings.add(missing_column(name, list(frame.columns)))
            continue
        numbers = to_numbers(frame[name])
        text = numbers.isna() & frame[name].notna()
        if text.any():
            findings.add_values(frame[name][text], "no number", NUMBERS)
        converted[name] = numbers
        missing |= np.asarray(~np.isfinite(numbers) & ~text)
        low = numbers <= 0
        if name in prices and low.any():
            way = "a return or an average of prices needs them above 0; remove such rows"
            findings.add_values(numbers[low], "no price", way)
    return Numbers(frame.assign(**converted), missing)


def check_missing(numbers: Numbers, used: Collection[str], findings: Findings, way: str) -> None:
    """Every used value that is missing or infinite is a finding."""
    for name in used:
        if name in numbers.frame.columns:
            column = numbers.frame[name]
            gaps = ~np.isfinite(column) & numbers.missing
            if gaps.any():
                findings.add_values(column[gaps], "not finite", way)


def check_weights(frame: pd.DataFrame, column: str | None, findings: Findings) -> None:
    """A weight of a row that is not above 0 is a finding."""
    if column is None or column not in frame.columns:
        return
    values = frame[column]
    if (values <= 0).any():
        findings.add_values(
            values[values <= 0], "no weight", "expected one above 0; leave such rows out"
        )


def to_numbers(column: pd.Series[Any]) -> pd.Series[float]:
    """As float64, NaN where a value is no number; times are none, though they can be counted."""
    import pandas as pd

    kinds = pd.api.types
    is_time = kinds.is_datetime64_any_dtype(column) or kinds.is_timedelta64_dtype(column)
    numbers = column if is_time else pd.to_numeric(column, errors="coerce")
    if is_time or kinds.is_complex_dtype(numbers):
        return pd.Series(np.nan, index=column.index, name=column.name, dtype="float64")
    return numbers.astype("float64")


def _is_meant_as_numbers(column: pd.Series[Any]) -> bool:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        return True
    known = int(column.notna().sum())
    return known == 0 or int(to_numbers(column).notna().sum()) > MOSTLY * known
