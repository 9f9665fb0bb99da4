"""Checks of times: bars that are not there, and a table that ends too early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.checking.calendar import trading_days
from training.data.window import last_of

if TYPE_CHECKING:
    import pandas as pd

    from training.config.checks import GapsCheck, StaleCheck
    from training.data.checking.view import Report, View
    from training.types import Array

DAY = np.timedelta64(1, "D")
RULES = ("auto", "always", "weekdays")
"""Calendars that are no exchange's."""
WEEKEND = 0.2
"""A table with a smaller share of its rows at weekends rests then; of the whole week it is 2/7."""


def check_gaps(check: GapsCheck, view: View, report: Report) -> None:
    """Missing bars or days in a row, more than are tolerated."""
    times = view.times
    if times is None or len(times) < 3:  # noqa: PLR2004 - a usual step needs two steps
        return
    plain = times.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    step = np.median(np.diff(plain).astype("int64")).astype("timedelta64[ns]")
    if check.calendar not in RULES:
        missing = _missing_at(check.calendar, times, step)
        unit = f"bars or days of {check.calendar}"
    elif check.calendar == "always" or (check.calendar == "auto" and _never_rests(plain)):
        missing, unit = np.round(np.diff(plain) / step) - 1, "bars"
    else:
        missing, unit = _missing_in_sessions(plain, step), "bars or weekdays"
    gaps = missing > check.longest
    if gaps.any():
        before = times.iloc[1:][gaps]
        longest = int(missing.max())
        report.add_values(
            before,
            f"more than {check.longest} {unit} are missing before it, at most {longest}",
            "fill them in, or set calendar and longest of the check 'gaps'",
        )


def check_stale(check: StaleCheck, view: View, report: Report) -> None:
    """A last row that is too old, or a price that stands still at the end."""
    times = view.times
    if check.max_age is not None and times is not None and len(times):
        age = _expected_end(view, times) - times.iloc[-1]
        if age > check.max_age:
            report.add_values(
                times.iloc[-1:],
                f"the last row is {age} old, which is more than {check.max_age}",
                "see why the source no longer delivers, or set max_age of the check 'stale'",
            )
    for name in view.prices:
        price = view.numbers.get(name)
        if price is not None and len(price) > check.repeated:
            last = price.iloc[-check.repeated :]
            if last.min() == last.max():
                report.add_values(
                    last.iloc[-1:],
                    f"the price has not moved for {check.repeated} rows",
                    "see whether the source still delivers",
                )


def _expected_end(view: View, times: pd.Series[Any]) -> pd.Timestamp:
    import pandas as pd

    end = last_of(view.source)
    at = pd.Timestamp(end) if end is not None else pd.Timestamp.now("UTC")
    at = at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")
    return at if times.dt.tz is not None else at.tz_localize(None)


def _missing_at(exchange: str, times: pd.Series[Any], step: Any) -> Array:  # noqa: ANN401 - a timedelta64
    """Missing bars between rows of one day; days on which it was open between rows of several."""
    days, open_days = trading_days(times, exchange, daily=bool(step >= DAY))
    after, before = (np.searchsorted(open_days, days, side=side) for side in ("right", "left"))
    plain = times.dt.tz_localize(None).to_numpy()
    bars = np.round(np.diff(plain) / step) - 1
    return np.where(days[:-1] == days[1:], bars, before[1:] - after[:-1])


def _never_rests(times: Array) -> bool:
    weekday = (times.astype("datetime64[D]").astype("int64") + 3) % 7
    return bool((weekday >= 5).mean() >= WEEKEND)  # noqa: PLR2004 - Saturday


def _missing_in_sessions(times: Array, step: Any) -> Array:  # noqa: ANN401 - a timedelta64
    """Missing bars between rows of one day; missing weekdays between rows of several."""
    days = times.astype("datetime64[D]")
    whole_days = np.busday_count(days[:-1] + 1, days[1:])
    if step >= DAY:
        return whole_days - int(np.median(whole_days))  # bars of a week skip four each
    bars = np.round(np.diff(times) / step) - 1
    return np.where(days[:-1] == days[1:], bars, whole_days)
