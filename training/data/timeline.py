"""Rows in order of time: parsed, cut to the window, each time once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from training.data.sources.columns import missing_column, time_name
from training.data.times import read_times
from training.data.window import Window

if TYPE_CHECKING:
    import pandas as pd

    from training.config.data import DataConfig
    from training.data.findings import Findings


class Timeline(NamedTuple):
    """Rows in order of time, with the index that they had in the source.

    Attributes:
        frame: the rows.
        time: the name of the time column; None: rows are taken in their order.
        notes: what a person should know.
    """

    frame: pd.DataFrame
    time: str | None
    notes: tuple[str, ...] = ()


def in_time(frame: pd.DataFrame, config: DataConfig, findings: Findings) -> Timeline:
    """The rows of the window in order of time; a table that is newest first is turned round."""
    import pandas as pd

    names = list(frame.columns)
    time = time_name(names, config.source.time_column)
    window = Window.of(config.source)
    if config.symbol_column is not None:
        _check_symbols(frame, time, config.symbol_column, findings)
    if time is None:
        if not window.is_open:
            findings.add(
                "data.source.start, end and as_of need times; name data.source.time_column"
            )
        return Timeline(frame, None)
    if time not in names:
        findings.add(missing_column(time, names))
        return Timeline(frame, None)
    if config.on_missing == "drop":
        frame = frame[frame[time].notna()]
    read = read_times(frame[time], findings)
    if read is None:
        return Timeline(frame, None)
    notes = (read.note,) if read.note else ()
    frame = frame.assign(**{time: read.times})
    within = window.holds(read.times)
    if len(frame) and not within.any():
        span = f"{read.times.min()} to {read.times.max()}"
        findings.add(f"no row is within {window}; the table has {span}")
    frame = frame[within]
    if config.symbol_column is None or not len(frame):
        return _one_series(frame, time, notes, config, findings)
    series = [
        _one_series(rows, time, notes, config, findings)
        for _, rows in frame.groupby(config.symbol_column, sort=True)
    ]
    told = dict.fromkeys(note for one in series for note in one.notes)
    return Timeline(pd.concat([one.frame for one in series]), time, tuple(told))


def _one_series(
    frame: pd.DataFrame,
    time: str,
    notes: tuple[str, ...],
    config: DataConfig,
    findings: Findings,
) -> Timeline:
    frame = _each_once(frame, time, config.on_duplicates, findings)
    if _is_newest_first(frame[time]):
        return Timeline(frame.iloc[::-1], time, (*notes, "newest first: turned round"))
    _check_order(frame[time], findings)
    return Timeline(frame, time, notes)


def _check_symbols(frame: pd.DataFrame, time: str | None, symbol: str, findings: Findings) -> None:
    """Each row must say of which symbol it is, and when."""
    if symbol not in frame.columns:
        findings.add(missing_column(symbol, list(frame.columns)))
    elif frame[symbol].isna().any():
        findings.add_values(
            frame[symbol][frame[symbol].isna()], "no symbol", "say of which symbol each row is"
        )
    if time is None:
        findings.add("several symbols need times; name data.source.time_column")
    findings.raise_any()


def _each_once(
    frame: pd.DataFrame, time: str, on_duplicates: str, findings: Findings
) -> pd.DataFrame:
    double = frame[time].duplicated(keep="last")
    if double.any() and on_duplicates == "error":
        way = "remove them, or set data.on_duplicates: last to keep the last row of each time"
        findings.add_values(frame[time][double], "a time that stands again further down", way)
    return frame[~double]


def _is_newest_first(times: pd.Series[Any]) -> bool:
    return len(times) > 1 and bool(times.is_monotonic_decreasing)


def _check_order(times: pd.Series[Any], findings: Findings) -> None:
    plain = times.dt.tz_localize(None).to_numpy()
    back = np.diff(plain, prepend=plain[:1]) < np.timedelta64(0)
    if back.any():
        findings.add_values(times[back], "earlier than the row before", "sort the rows by time")
