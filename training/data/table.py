"""A table as it was loaded: checked, in order of time, with a fingerprint of its values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from blake3 import blake3

from training.data.times import plain_times
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from training.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """What a source gave.

    Attributes:
        frame: rows in order of time, index 0 … n - 1; the columns that are used are float64.
        time: the name of the time column, datetime64[ns] or datetime64[ns, UTC]; None: rows have
            no time.
        fingerprint: digest of the values, whatever they came from.
        description: plain values for a person: source, rows, first, last, columns, notes.
        symbol: the name of the column with the symbol, by which rows are sorted first; None: the
            table has one series.
    """

    frame: pd.DataFrame
    time: str | None
    fingerprint: str
    description: dict[str, Any] = field(default_factory=dict)
    symbol: str | None = None

    @property
    def times(self) -> Array | None:
        """Of the rows, datetime64[ns], in UTC where a zone is known; None: rows have no time."""
        return None if self.time is None else plain_times(self.frame[self.time])

    @property
    def moments(self) -> Array | None:
        """The times that there are, each once, in order; None: rows have no time."""
        times = self.times
        return times if times is None or self.symbol is None else np.unique(times)


def fingerprint(frame: pd.DataFrame) -> str:
    """Digest of a table's column names and values.

    Numbers count as float64, times as nanoseconds in UTC, text as UTF-8: the same table from CSV,
    Parquet and a DataFrame has the same fingerprint, with whatever dtypes pandas holds it.

    Raises:
        DataError: a column holds lists or the like.
    """
    return digest_of(len(frame), ((str(name), _canonical(frame[name])) for name in frame.columns))


def digest_of(rows: int, columns: Iterable[tuple[str, Iterable[bytes]]]) -> str:
    """The fingerprint of columns that come in pieces.

    Args:
        rows: of the table.
        columns: name of each, and its kind and values as bytes.
    """
    digest = blake3(f"{rows} rows".encode())
    for name, pieces in columns:
        digest.update(_text(name))
        for piece in pieces:
            digest.update(piece)
    return f"blake3:{digest.hexdigest()}"


def _canonical(column: pd.Series[Any]) -> tuple[bytes, ...]:
    """The values as bytes, led by their kind."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None) if column.dt.tz else column
        return b"time", naive.to_numpy(dtype="datetime64[ns]").astype("<i8").tobytes()
    if pd.api.types.is_complex_dtype(column):
        raise _unknown_kind(column)
    if pd.api.types.is_numeric_dtype(column):
        return b"number", number_bytes(column.to_numpy(dtype="float64", na_value=np.nan))
    try:
        codes, values = pd.factorize(column)  # in order of appearance, -1 for what is missing
    except TypeError:
        raise _unknown_kind(column) from None
    numbers = pd.to_numeric(pd.Series(values, dtype="object"), errors="coerce").astype("float64")
    if not numbers.isna().any():
        return b"number", number_bytes(np.append(numbers.to_numpy(), np.nan)[codes])
    return b"text", codes.astype("<i8").tobytes(), *(_text(str(value)) for value in values)


def _unknown_kind(column: pd.Series[Any]) -> DataError:
    return DataError(
        f"column {column.name!r} holds neither numbers nor text nor times; name the columns "
        "to read in data.source.columns"
    )


def number_bytes(numbers: Array) -> bytes:
    """Zero and what is missing each have one pattern of bits."""
    canonical = numbers.astype("<f8") + 0.0
    canonical[np.isnan(canonical)] = np.nan
    return canonical.tobytes()


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return f"{len(data)}:".encode() + data
