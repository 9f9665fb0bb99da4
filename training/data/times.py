"""Reading times without guessing: what could mean two moments is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from training.data.findings import Findings
    from training.types import Array

EXPECTED = "expected times such as 2024-12-31 or 2024-12-31T15:30:00"
COMPACT_DATES = (18_000_101, 29_991_231)
"""Numbers between these that are dates when read as year, month, day."""
UNITS = ((1e11, "s"), (1e14, "ms"), (1e17, "us"), (np.inf, "ns"))
"""Numbers below the limit count these since 1970: the year 5138 in each unit but the last."""
LEAST_SECONDS = 1e8
"""A column that ends before this (1973) is more likely no time at all."""
ZONE = r"(?i)[T ]\d{2}.*(?:Z|[+-]\d{2}:?(?:\d{2})?)$"
LOCAL = (
    r"^(?P<one>\d{1,2})(?P<mark>[./-])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})"
    r"(?:[ T](?P<rest>.*))?$"
)
MONTHS = 12


class ReadTimes(NamedTuple):
    """Times of all rows.

    Attributes:
        times: datetime64[ns], or datetime64[ns, UTC] where the source says the time zone.
        note: how they were read, where a person should know.
    """

    times: pd.Series[Any]
    note: str | None = None


def read_times(column: pd.Series[Any], findings: Findings) -> ReadTimes | None:
    """The times in a column; None, and a finding, where not every value is clearly one.

    Timestamps, numbers (YYYYMMDD, or seconds, milliseconds, microseconds or nanoseconds since
    1970), ISO 8601, and dates such as 31.12.2024 if the column itself shows whether day or month
    comes first.
    """
    import pandas as pd

    missing = column.isna()
    if missing.any():
        findings.add_values(column[missing], "every row needs a time", "remove such rows")
        return None
    if pd.api.types.is_datetime64_any_dtype(column):
        return _in_utc(column, findings)
    if pd.api.types.is_bool_dtype(column):
        findings.add_values(column, "no time", EXPECTED)
        return None
    if pd.api.types.is_numeric_dtype(column):
        return _from_numbers(column, findings)
    return _from_text(column.astype(str).str.strip(), findings)


def plain_times(times: pd.Series[Any]) -> Array:
    """Times that were read as datetime64[ns], in UTC where a zone is known."""
    plain: Array = times.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
    return plain


def _in_utc(column: pd.Series[Any], findings: Findings) -> ReadTimes | None:
    import pandas as pd

    zone = column.dt.tz
    if zone is not None:
        column = column.dt.tz_convert("UTC")
    low, high = (
        at.as_unit("us").tz_localize(column.dt.tz) for at in (pd.Timestamp.min, pd.Timestamp.max)
    )
    beyond = (column.dt.as_unit("us") <= low) | (column.dt.as_unit("us") >= high)
    if beyond.any():
        findings.add_values(column[beyond], "out of range", "expected years from 1678 to 2261")
        return None
    note = None if zone is None else "times in UTC"
    if note and str(zone) != "UTC":
        note = f"{note}, brought there from {zone}"
    return ReadTimes(column.dt.as_unit("ns"), note)


def _from_numbers(column: pd.Series[Any], findings: Findings) -> ReadTimes | None:
    import pandas as pd

    numbers = column.astype("float64")
    broken = ~np.isfinite(numbers) | (numbers != numbers.round())
    if broken.any():
        findings.add_values(column[broken], "no time", EXPECTED)
        return None
    whole = column.astype("int64")
    if whole.between(*COMPACT_DATES).all():
        dates = pd.to_datetime(whole.astype(str), format="%Y%m%d", errors="coerce")
        if not dates.isna().any():
            return ReadTimes(dates.dt.as_unit("ns"), "dates read as YYYYMMDD")
    largest = float(numbers.abs().max())
    if largest < LEAST_SECONDS:
        way = f"{EXPECTED}, or seconds since 1970; if the column is no time, rename it"
        findings.add_values(column, "no time", way)
        return None
    unit: Any = next(name for limit, name in UNITS if largest < limit)
    return _in_utc(pd.to_datetime(whole, unit=unit), findings)


def _from_text(text: pd.Series[Any], findings: Findings) -> ReadTimes | None:
    import pandas as pd

    note = None
    local = text.str.extract(LOCAL)
    if local["year"].notna().all():
        order = _order_of_day_and_month(local, text, findings)
        if order is None:
            return None
        text = _as_iso(local, order).rename(str(text.name))
        note = f"dates read {order} first"
    aware = text.str.contains(ZONE)
    times = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    if times.isna().any():
        findings.add_values(text[times.isna()], "no time", EXPECTED)
        return None
    if aware.any() and not aware.all():
        way = "write the time zone everywhere or nowhere"
        findings.add_values(text[~aware], "without a time zone, which other rows have", way)
        return None
    if aware.all():
        return _in_utc(times, findings)
    found = _in_utc(times.dt.tz_localize(None), findings)
    return found and found._replace(note=note)


def _order_of_day_and_month(
    local: pd.DataFrame, text: pd.Series[Any], findings: Findings
) -> str | None:
    """`day` or `month`, whichever comes first; a number above 12 can only be a day."""
    first = local["one"].astype(int) > MONTHS
    second = local["two"].astype(int) > MONTHS
    if first.any() and not second.any():
        return "day"
    if second.any() and not first.any():
        return "month"
    way = "write dates as 2024-12-31"
    if first.any():
        fault = "the day comes first here, and elsewhere in this column the month"
        findings.add_values(text[first], fault, way)
    else:
        findings.add_values(text, "day or month may come first", way)
    return None


def _as_iso(local: pd.DataFrame, order: str) -> pd.Series[Any]:
    day, month = ("one", "two") if order == "day" else ("two", "one")
    date = local["year"] + "-" + local[month].str.zfill(2) + "-" + local[day].str.zfill(2)
    rest = local["rest"].fillna("").str.strip()
    return date.where(rest == "", date + "T" + rest)
