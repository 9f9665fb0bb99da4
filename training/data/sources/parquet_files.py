"""Parquet: a file, a folder of files, or a glob."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from training.data.sources.columns import chosen_columns, time_name
from training.data.sources.paths import find_files, without_secrets
from training.data.sources.several import joined
from training.data.window import Window
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from fsspec import AbstractFileSystem

    from training.config.sources import ParquetSource
    from training.data.sources.rows import Rows

ENDINGS = (".parquet", ".pq")
INDEX = "__index_level_0__"
"""What pandas calls an index without a name."""


def read_parquet_files(source: ParquetSource) -> Rows:
    """The rows of all files, one after the other in the order of their names.

    Only the columns and, where the times are timestamps, the row groups asked for are read.

    Raises:
        DataError: no such file, not Parquet, or a column that was asked for is not there.
    """
    system, names = find_files(source.path, ENDINGS)
    where = without_secrets(source.path)
    frames = [_one(system, name, source, where if len(names) == 1 else name) for name in names]
    return joined(frames, names, where)


def measure_parquet(source: ParquetSource) -> tuple[int, int]:
    """Rows of all files, and columns that would be read; from their footers alone.

    Raises:
        DataError: as `read_parquet_files`.
    """
    import pyarrow.parquet as pq

    rows = columns = 0
    for file, where in _opened(source):
        with _told_plainly(where), file:
            found = pq.ParquetFile(file)
            rows += found.metadata.num_rows
            columns = len(_chosen(found.schema_arrow, source, where))
    return rows, columns


def parquet_batches(source: ParquetSource, rows: int) -> Iterator[pd.DataFrame]:
    """The rows of all files, at most so many at a time, the index counting all of them.

    Raises:
        DataError: as `read_parquet_files`.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    before = 0
    for file, where in _opened(source):
        with _told_plainly(where), file:
            found = pq.ParquetFile(file)
            columns = _chosen(found.schema_arrow, source, where)
            for batch in found.iter_batches(rows, columns=list(columns)):
                frame = batch.to_pandas(ignore_metadata=True, date_as_object=False)
                frame.index = pd.RangeIndex(before, before + len(frame))
                before += len(frame)
                yield frame.rename(columns=columns)


def _opened(source: ParquetSource) -> Iterator[tuple[Any, str]]:
    system, names = find_files(source.path, ENDINGS)
    where = without_secrets(source.path)
    for name in names:
        told = where if len(names) == 1 else name
        with _told_plainly(told):
            file = system.open(name, "rb")
        yield file, told


@contextmanager
def _told_plainly(where: str) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{where}: cannot be read as Parquet: {reason}") from None


def _one(system: AbstractFileSystem, name: str, source: ParquetSource, where: str) -> pd.DataFrame:
    with _told_plainly(where), system.open(name, "rb") as file:
        return _parsed(file, source, where)


def _parsed(file: Any, source: ParquetSource, where: str) -> pd.DataFrame:  # noqa: ANN401 - an open file of any file system
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(file)
    file.seek(0)
    columns = _chosen(schema, source, where)
    stored = list(columns)
    time = time_name(list(columns.values()), source.time_column)
    filters = None
    for one in stored:
        if columns[one] == time and pa.types.is_timestamp(schema.field(one).type):
            filters = _filters(one, schema.field(one).type, Window.of(source))
    table = pq.read_table(file, columns=stored, filters=filters)
    # Without pandas' own metadata a stored index stays a column, and is not lost.
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, date_as_object=False)
    return frame.rename(columns=columns)


def _chosen(schema: Any, source: ParquetSource, where: str) -> dict[str, str]:  # noqa: ANN401 - pyarrow has no types
    """The columns to read, by the name that they are stored under."""
    named = {name: _name(name, schema) for name in schema.names}
    chosen = chosen_columns([name for name in named.values() if name], source, where)
    return {stored: name for stored, name in named.items() if name in chosen}


def _name(stored: str, schema: Any) -> str:  # noqa: ANN401 - pyarrow has no types
    """The name to go on with; empty for an index without a name that holds no times."""
    import pyarrow as pa

    if stored != INDEX:
        return stored
    return "time" if pa.types.is_timestamp(schema.field(stored).type) else ""


def _filters(name: str, kind: Any, window: Window) -> list[tuple[str, str, Any]] | None:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa

    bounds = [(">=", window.first), ("<=", window.last)]
    aware = kind.tz is not None
    found = [
        (name, sign, pa.scalar(at.tz_localize("UTC") if aware else at, pa.timestamp("ns", kind.tz)))
        for sign, at in bounds
        if at is not None
    ]
    return found or None
