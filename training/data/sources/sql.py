"""The rows of a query, through SQLAlchemy: values are bound, never written into the text."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from training.data.databases import database_url, is_unreachable, reason_of, shown
from training.data.sources.columns import chosen_columns, time_name
from training.data.sources.rows import Rows
from training.data.window import Window, written
from training.errors import DataError, UnreachableError

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection

    from training.config.sources import SqlSource

ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
DAY = dt.timedelta(days=1)


def read_sql(source: SqlSource) -> Rows:
    """The rows of the query; columns and window are asked for in the database where that is sure.

    Raises:
        DataError: no way to the database, a query that it refuses, or a column that is not there.
    """
    import sqlalchemy as sa

    url = database_url(source, "data.source")
    where = f"sql {shown(url)}"
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return Rows(_read(connection, source, where), where)
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        reason = reason_of(error, url)
        kind = UnreachableError if is_unreachable(error, url) else DataError
        raise kind(f"{where}: {reason}; see data.source.url and query") from None


def _read(connection: Connection, source: SqlSource, where: str) -> pd.DataFrame:
    import pandas as pd
    import sqlalchemy as sa

    text, bound = source.query.strip().rstrip(";"), _bound(source)
    peek = connection.execute(sa.text(f"SELECT * FROM ({text}) AS source LIMIT 1"), bound)  # noqa: S608 - the user's own query; values are bound
    names, first = list(peek.keys()), peek.first()
    chosen = chosen_columns(names, source, where)
    time = time_name(names, source.time_column)
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in chosen)
    wanted = f"SELECT {columns} FROM ({text}) AS source"  # noqa: S608 - as above, names are quoted
    if time is not None and time in names and first is not None:
        conditions = _conditions(quote(time), first[names.index(time)], Window.of(source))
        bound |= {key: value for key, _, value in conditions}
        if conditions:
            wanted += " WHERE " + " AND ".join(condition for _, condition, _ in conditions)
        wanted += f" ORDER BY {quote(time)}"
    return pd.read_sql_query(sa.text(wanted), connection, params=bound)


def _bound(source: SqlSource) -> dict[str, Any]:
    """The values of all names in the query.

    Raises:
        DataError: a name without a value.
    """
    import sqlalchemy as sa

    window = {"start": source.start, "end": source.end, "as_of": source.as_of}
    given = {name: written(at) for name, at in window.items()} | source.parameters
    names = sa.text(source.query).compile().params
    missing = [name for name in names if name not in given]
    if missing:
        raise DataError(
            f"data.source.query has :{missing[0]}, which is not in data.source.parameters; "
            f"given: {', '.join(sorted(given))}"
        )
    return {name: given[name] for name in names}


def _conditions(column: str, example: Any, window: Window) -> list[tuple[str, str, Any]]:  # noqa: ANN401 - whatever a database gives
    """Bounds on the time, each as name, condition and value.

    Times that are text are compared by their date alone, with a day to spare: the table is cut to
    the window afterwards anyway. Of numbers nothing is sure.
    """
    values: dict[str, Any] = {}
    if isinstance(example, dt.datetime):
        zone = dt.UTC if example.tzinfo else None
        for sign, at in ((">=", window.first), ("<=", window.last)):
            if at is not None:
                values[sign] = at.floor("us").to_pydatetime().replace(tzinfo=zone)
    elif isinstance(example, dt.date) or (isinstance(example, str) and ISO.match(example)):
        for sign, at, spare in ((">=", window.first, -DAY), ("<=", window.last, 2 * DAY)):
            if at is not None:
                day = at.date() + spare
                values[sign] = day.isoformat() if isinstance(example, str) else day
    names = {">=": "window_first", "<=": "window_last"}
    return [(names[sign], f"{column} {sign} :{names[sign]}", at) for sign, at in values.items()]
