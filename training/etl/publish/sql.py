"""Predictions to a table of a database, each slot in one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from training.data.databases import database_url, is_unreachable, reason_of, shown
from training.data.sources.columns import missing_column
from training.errors import DataError, StorageError
from training.etl.predict import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import sqlalchemy as sa

    from training.config.pipeline import SqlTarget
    from training.etl.predict import Mark

LONGEST = 128
"""Characters of a name, a slot, a reference to a version."""


def check_sql(target: SqlTarget) -> str:
    """Require an answer, and the columns of a table that is there; returns the words for it."""
    import sqlalchemy as sa

    with _connected(target) as (connection, where):
        schema, name = _named(target)
        if sa.inspect(connection).has_table(name, schema):
            _require(_there(connection, target), MARKS, where)
    return where


def publish_sql(target: SqlTarget, rows: pd.DataFrame, mark: Mark) -> bool:
    """Delete the rows of the slot and insert these, unless these are there already.

    With a key over model, slot and time, and the isolation `SERIALIZABLE`, two processes that
    publish one slot at once leave it once too: the later one fails, and is tried again.
    """
    import sqlalchemy as sa

    with _connected(target) as (connection, where):
        table = _table(connection, target, rows)
        _require(table, rows.columns, where)
        ours = sa.and_(table.c.name == mark.name, table.c.slot == mark.slot)
        counted = sa.select(sa.func.count()).select_from(table).where(ours)
        same = connection.scalar(counted.where(table.c.publication == mark.publication))
        if same == connection.scalar(counted) == len(rows):
            return False
        connection.execute(sa.delete(table).where(ours))
        connection.execute(sa.insert(table), _records(rows))
        return True


@contextmanager
def _connected(target: SqlTarget) -> Iterator[tuple[sa.Connection, str]]:
    """A transaction, which is committed when nothing is raised."""
    import sqlalchemy as sa

    url = database_url(target, "publish")
    where = f"sql {shown(url)} table {target.table}"
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="SERIALIZABLE")
        with engine.begin() as connection:
            yield connection, where
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        if is_unreachable(error, url) or isinstance(error, sa.exc.IntegrityError):
            # No answer, a lock, somebody else at the same slot: it can be better the next time.
            raise StorageError(f"{where}: {reason_of(error, url)}") from None
        raise DataError(f"{where}: {reason_of(error, url)}; see publish.url and table") from None


def _named(target: SqlTarget) -> tuple[str | None, str]:
    schema, _, name = target.table.rpartition(".")
    return schema or None, name


def _there(connection: sa.Connection, target: SqlTarget) -> sa.Table:
    import sqlalchemy as sa

    schema, name = _named(target)
    return sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection)


def _table(connection: sa.Connection, target: SqlTarget, rows: pd.DataFrame) -> sa.Table:
    """The table as it is; made for these rows where there is none."""
    import sqlalchemy as sa

    schema, name = _named(target)
    if sa.inspect(connection).has_table(name, schema):
        return _there(connection, target)
    key = str(rows.columns[len(MARKS)])  # the time, or the number of the row
    unique = {"name", "slot", key}
    columns = [
        sa.Column(str(one), _kind(rows[one]), primary_key=one in unique, nullable=one not in unique)
        for one in rows.columns
    ]
    table = sa.Table(name, sa.MetaData(), *columns, schema=schema)
    table.create(connection)
    return table


def _kind(column: pd.Series[Any]) -> Any:  # noqa: ANN401 - a type of SQLAlchemy
    import pandas as pd
    import sqlalchemy as sa

    if pd.api.types.is_datetime64_any_dtype(column):
        return sa.DateTime(timezone=column.dt.tz is not None)
    if pd.api.types.is_integer_dtype(column):
        return sa.BigInteger()
    return sa.Double() if pd.api.types.is_float_dtype(column) else sa.String(LONGEST)


def _require(table: sa.Table, columns: Any, where: str) -> None:  # noqa: ANN401 - names
    there = list(table.columns.keys())
    missing = [str(name) for name in columns if name not in there]
    if missing:
        raise DataError(f"{where}: {missing_column(missing[0], there)}; or name another table")


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows in Python's own values, which every driver takes."""
    import pandas as pd

    plain = {
        str(name): [
            value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
            for value in column.tolist()
        ]
        for name, column in rows.items()
    }
    return [dict(zip(plain, values, strict=True)) for values in zip(*plain.values(), strict=True)]
