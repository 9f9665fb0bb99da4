"""Rows to score, a piece at a time: from CSV, Parquet or a DataFrame, with little in memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from training.config.sources import ParquetSource
from training.data.sources.columns import missing_column, time_name
from training.data.sources.handed_over import index_as_column
from training.data.sources.parquet_files import ENDINGS as PARQUET
from training.data.sources.parquet_files import measure_parquet, parquet_batches
from training.data.sources.paths import find_files, without_secrets
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

CSV = (".csv", ".csv.gz")
FIRST = 1
BATCH = 65536
BLOCK_BYTES = 8 * 2**20


class Wanted(NamedTuple):
    """Names of columns: those that must be there, and those that may."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


def read_pieces(
    source: str | pd.DataFrame,
    columns: Sequence[str],
    sizes: Iterator[int],
    optional: Sequence[str] = (),
) -> Iterator[pd.DataFrame]:
    """The columns that are needed and the time column, in pieces of exactly these sizes.

    Args:
        source: a file, a folder of files or a glob; or a table.
        columns: that the model is made of.
        sizes: rows of each piece; the last piece has what is left.
        optional: columns that are read where they are there.

    Raises:
        DataError: no such file, or not the columns that the model was trained on.
    """
    return _cut(_batches(source, Wanted(tuple(columns), tuple(optional))), sizes)


def _batches(source: str | pd.DataFrame, wanted: Wanted) -> Iterator[pd.DataFrame]:
    if not isinstance(source, str):
        frame = index_as_column(source)
        yield frame[_chosen([str(name) for name in frame.columns], wanted, "the DataFrame")]
    elif source.lower().endswith(CSV):
        yield from _csv_batches(source, wanted)
    else:
        yield from _parquet_batches(source, wanted)


def _parquet_batches(path: str, wanted: Wanted) -> Iterator[pd.DataFrame]:
    where = without_secrets(path)
    find_files(path, PARQUET)
    every = ParquetSource(path=path)
    if measure_parquet(every)[0] == 0:
        raise DataError(f"{where}: has no rows")
    names = [str(name) for name in next(parquet_batches(every, FIRST)).columns]
    chosen = tuple(_chosen(names, wanted, where))
    yield from parquet_batches(ParquetSource(path=path, columns=chosen), BATCH)


def _csv_batches(path: str, wanted: Wanted) -> Iterator[pd.DataFrame]:
    """Numbers are read as float64 whatever the first rows look like, times as they are written."""
    import pyarrow as pa
    from pyarrow import csv

    system, files = find_files(path, CSV)
    for name in files:
        with _told_plainly(name), system.open(name, "rb", compression="infer") as file:
            names = _header(file)
            chosen = _chosen(names, wanted, without_secrets(name))
            time = time_name(names, None)
            kinds = {one: pa.string() if one == time else pa.float64() for one in chosen}
            reader = csv.open_csv(
                file,
                read_options=csv.ReadOptions(block_size=BLOCK_BYTES),
                convert_options=csv.ConvertOptions(column_types=kinds, include_columns=chosen),
            )
            for batch in reader:
                yield batch.to_pandas()


def _header(file: Any) -> list[str]:  # noqa: ANN401 - an open file of any file system
    import pandas as pd

    names = [str(name) for name in pd.read_csv(file, nrows=0).columns]
    file.seek(0)
    return names


def _chosen(names: Sequence[str], wanted: Wanted, where: str) -> list[str]:
    columns = wanted.needed
    missing = [name for name in columns if name not in names]
    if missing:
        lines = [f"{where}: {missing_column(name, names)}" for name in missing]
        lines.append(f"the model was trained on columns {', '.join(columns)}")
        raise DataError("\n".join(lines))
    time = time_name(names, None)
    return [name for name in names if name in (*columns, *wanted.optional) or name == time]


@contextmanager
def _told_plainly(where: str) -> Iterator[None]:
    import pandas as pd
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{without_secrets(where)}: cannot be read as CSV: {reason}") from None


def _cut(batches: Iterator[pd.DataFrame], sizes: Iterator[int]) -> Iterator[pd.DataFrame]:
    """The same rows in pieces of other sizes."""
    import pandas as pd

    held: list[pd.DataFrame] = []
    rows, size = 0, next(sizes)
    for batch in batches:
        held.append(batch)
        rows += len(batch)
        while rows >= size:
            whole = pd.concat(held, ignore_index=True) if len(held) > 1 else held[0]
            yield whole.iloc[:size].reset_index(drop=True)
            held, rows = [whole.iloc[size:]], rows - size
            size = next(sizes)
    if rows:
        yield pd.concat(held, ignore_index=True)
