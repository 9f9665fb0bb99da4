"""The rows of the first two steps: out of a source, and through a function of the user's own."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

from training.data.findings import Findings
from training.data.sources import Rows, read_rows
from training.data.sources.columns import missing_column, time_name
from training.data.sources.handed_over import index_as_column
from training.data.times import read_times
from training.data.window import Window
from training.errors import DataError
from training.imports import import_function
from training.retraining.moment import day_before, earlier, has_time
from training.secrets import revealed, unspoken

if TYPE_CHECKING:
    import pandas as pd

    from training.config.pipeline import TransformConfig
    from training.config.sources import Source
    from training.retraining import Moment

SHOWN = 10


class InOrder(NamedTuple):
    """Rows in order of time.

    Attributes:
        frame: the rows, index 0 … n - 1.
        time: the name of the time column, of timestamps; None: rows are taken in their order.
    """

    frame: pd.DataFrame
    time: str | None


@unspoken()
def extract_rows(source: Source, as_of: Moment | None) -> InOrder:
    """The rows of a source up to a moment, whole bars only.

    Args:
        source: the section `extract`.
        as_of: rows up to here and none after it; None: all.

    Raises:
        DataError: not there, not readable, no rows, or times that are none.
    """
    asked = source if as_of is None else _up_to(source, as_of)
    try:
        found = _in_order(read_rows(revealed(asked)), asked)
    except DataError as error:  # the reader knows its section by the name that it mostly has
        error.args = (str(error).replace("data.source", "extract"),)
        raise
    frame, name = found
    if as_of is not None and name is not None and has_time(as_of) and _are_dates(frame[name]):
        whole = frame[name].dt.tz_localize(None) <= datetime.combine(day_before(as_of), time())
        frame = frame[whole]  # the day of the moment is not over yet
    if frame.empty:
        until = "" if as_of is None else f" up to {as_of}"
        raise DataError(f"extract: there is no row{until}; see the source, and start and end")
    return InOrder(frame.reset_index(drop=True), name)


@unspoken()
def transform_rows(config: TransformConfig, rows: InOrder) -> InOrder:
    """The table that the user's function makes of another.

    Raises:
        ConfigError: there is no such function.
        DataError: it raised, gave no DataFrame, no rows, or times that are none.
    """
    import pandas as pd

    function = import_function(config.type)
    where = f"transform {config.type!r}"
    try:
        frame = function(rows.frame, **revealed(config).settings())
    except Exception as error:
        raise DataError(f"{where} raised {error!r}") from error
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        gave = "no rows" if isinstance(frame, pd.DataFrame) else f"a {type(frame).__name__}"
        raise DataError(f"{where} gave {gave}; expected a DataFrame with rows")
    frame = index_as_column(frame)
    frame.columns = [str(name) for name in frame.columns]
    kept = rows.time if rows.time in frame.columns else None
    return _ordered(frame, time_name(list(frame.columns), kept), where)


def _up_to(source: Source, as_of: Moment) -> Source:
    """The same source, which ends at the moment, and is told of it where it keeps versions."""
    end = as_of if source.end is None else earlier(as_of, source.end)
    return source.model_copy(update={"end": end, "as_of": source.as_of or as_of})


def _in_order(rows: Rows, source: Source) -> InOrder:
    name = time_name(list(rows.frame.columns), source.time_column)
    found = _ordered(rows.frame, name, rows.where)
    window = Window.of(source)
    if window.is_open:
        return found
    if found.time is None:
        raise DataError(
            f"{rows.where}: rows up to a moment need times; name data.source.time_column"
        )
    return found._replace(frame=found.frame[window.holds(found.frame[found.time])])


def _ordered(frame: pd.DataFrame, name: str | None, where: str) -> InOrder:
    """With the times read, and in one order, whatever order a database gave them in."""
    if name is None:
        return InOrder(frame.reset_index(drop=True), None)
    if name not in frame.columns:
        raise DataError(f"{where}: {missing_column(name, list(frame.columns))}")
    findings = Findings(Rows(frame, where), SHOWN)
    read = read_times(frame[name], findings)
    findings.raise_any()
    assert read is not None  # noqa: S101 - else there are findings
    frame = frame.assign(**{name: read.times})
    by: list[Any] = [name]
    if frame[name].duplicated().any():  # of several symbols, say: a database orders them at will
        by += [one for one in frame.columns if one != name]
    return InOrder(frame.sort_values(by, kind="stable", ignore_index=True), name)


def _are_dates(times: pd.Series[Any]) -> bool:
    return bool((times == times.dt.normalize()).all())
