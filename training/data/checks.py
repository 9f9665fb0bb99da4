"""What may be wrong with a table; all that is found is said at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.sources import TIME_NAMES
from training.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from training.config.data import DataConfig

AMBIGUOUS = r"^\s*\d{1,2}[./-]\d{1,2}[./-]\d{2,4}"


def time_column(frame: pd.DataFrame, config: DataConfig, where: str) -> str | None:
    """The name of the time column; None when there is none.

    Raises:
        DataError: the one that was named is not there.
    """
    named = config.source.time_column
    if named is not None:
        if named not in frame.columns:
            raise DataError(
                f"{where}: has no column {named!r}; {did_you_mean(named, frame.columns)}"
            )
        return named
    return next((str(name) for name in frame.columns if str(name).lower() in TIME_NAMES), None)


def as_times(column: pd.Series[Any], where: str) -> pd.Series[Any]:
    """Timestamps: ISO 8601 text, seconds or milliseconds since 1970, or what is one already.

    Raises:
        DataError: text that is none, or of which nobody can say whether day or month comes first.
    """
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return column
    if pd.api.types.is_numeric_dtype(column):
        milliseconds = column.abs().max() > 1e11  # noqa: PLR2004 - in seconds the year 5138
        return pd.to_datetime(column, unit="ms" if milliseconds else "s")
    text = column.astype(str)
    ambiguous = text.str.match(AMBIGUOUS)
    if ambiguous.any():
        row = int(np.argmax(ambiguous))
        raise DataError(
            f"{where}: column {column.name!r}, row {row + 1}: {text.iloc[row]!r} may be day or "
            "month first; write dates as 2024-12-31"
        )
    times = pd.to_datetime(
        text, format="ISO8601", errors="coerce", utc=bool(text.str.endswith("Z").any())
    )
    if times.isna().any():
        row = int(np.argmax(times.isna()))
        raise DataError(
            f"{where}: column {column.name!r}, row {row + 1}: {text.iloc[row]!r} is no time; "
            "expected 2024-12-31 or 2024-12-31T15:30:00"
        )
    return times


def in_order(frame: pd.DataFrame, time: str, where: str, config: DataConfig) -> pd.DataFrame:
    """Rows in order of time; a table that is newest first is turned round.

    Raises:
        DataError: rows in no order, or two with the same time.
    """
    times = frame[time]
    if len(frame) > 1 and times.is_monotonic_decreasing and not times.is_monotonic_increasing:
        frame = frame.iloc[::-1]
        times = frame[time]
    if not times.is_monotonic_increasing:
        row = int(np.argmax(np.diff(times.to_numpy()) < np.timedelta64(0))) + 1
        raise DataError(
            f"{where}: row {row + 1} ({times.iloc[row]}) is before the row above it; "
            "sort the rows by time"
        )
    double = times.duplicated(keep="last")
    if double.any() and config.on_duplicates == "error":
        shown = ", ".join(str(value) for value in times[double].head(config.check_rows))
        raise DataError(
            f"{where}: {int(double.sum())} time(s) stand twice: {shown}; "
            "set data.on_duplicates: last to keep the last row of each"
        )
    return frame[~double].reset_index(drop=True)


def numeric(
    frame: pd.DataFrame, columns: Iterable[str], where: str, config: DataConfig
) -> pd.DataFrame:
    """The same with the columns that are used as finite float64.

    Raises:
        DataError: columns that are not there, text among numbers, missing values; all at once.
    """
    import pandas as pd

    findings: list[str] = []
    missing = np.zeros(len(frame), dtype=bool)
    frame = frame.copy()
    for name in dict.fromkeys(columns):
        if name not in frame.columns:
            findings.append(f"has no column {name!r}; {_nearest(name, frame.columns)}")
            continue
        column = frame[name]
        numbers = pd.to_numeric(column, errors="coerce").astype("float64")
        text = numbers.isna() & column.notna()
        if text.any():
            findings.append(_shown(name, column[text], "expected numbers", config))
        gaps = ~np.isfinite(numbers) & ~text
        if gaps.any() and config.on_missing == "error":
            way = "set data.on_missing: drop to leave such rows out"
            findings.append(_shown(name, column[gaps], way, config))
        missing |= np.asarray(gaps)
        frame[name] = numbers
    if findings:
        raise DataError("\n".join(f"{where}: {finding}" for finding in findings))
    return frame[~missing].reset_index(drop=True)


def _nearest(name: str, columns: Iterable[str]) -> str:
    for column in columns:
        if str(column).lower() == name.lower():
            return f"did you mean {column!r}?"
    return did_you_mean(name, [str(column) for column in columns])


def _shown(name: str, values: pd.Series[Any], way: str, config: DataConfig) -> str:
    shown = ", ".join(
        f"row {int(str(row)) + 1} is {value!r}"
        for row, value in values.head(config.check_rows).items()
    )
    more = f" and {len(values) - config.check_rows} more" if len(values) > config.check_rows else ""
    return f"column {name!r}: {shown}{more}; {way}"
