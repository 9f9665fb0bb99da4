"""A table on disk: a mapped file for each column, filled batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.disk.scratch import scratch
from training.data.table import digest_of, number_bytes
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from training.types import Array

BLOCK = 65_536
"""Rows that are in memory at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class DiskTable:
    """What a source gave, as mapped columns.

    Attributes:
        columns: float64 by name, or float32 as in the source, shape (rows,) each; the time column
            datetime64[ns], in UTC.
        time: name of the time column, which is the first; None: rows have no time.
        zoned: whether the source says a time zone.
    """

    columns: dict[str, Array]
    time: str | None
    zoned: bool = False

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def times(self) -> Array | None:
        """The times of the rows."""
        return None if self.time is None else self.columns[self.time]

    def frame(self, start: int, stop: int, names: Any = None) -> pd.DataFrame:  # noqa: ANN401 - any names
        """Some rows in memory, as `DataManager.load` would give them, index from 0."""
        import pandas as pd

        chosen = self.columns if names is None else names
        rows = {name: self.columns[name][start:stop] for name in chosen}
        found = pd.DataFrame(
            {
                name: one if name == self.time else one.astype("float64")
                for name, one in rows.items()
            }
        )
        if self.zoned and self.time in found:
            found[self.time] = found[self.time].dt.tz_localize("UTC")
        return found

    def fingerprint(self) -> str:
        """The same as of the table in memory."""
        return digest_of(len(self), ((name, self._pieces(name)) for name in self.columns))

    def _pieces(self, name: str) -> Iterator[bytes]:
        values = self.columns[name]
        yield b"time" if name == self.time else b"number"
        for at in range(0, len(self), BLOCK):
            block = values[at : at + BLOCK]
            is_time = name == self.time
            yield block.astype("<i8").tobytes() if is_time else number_bytes(block)


class TableWriter:
    """Takes rows batch by batch."""

    def __init__(self, rows: int, folder: str) -> None:
        """Make room when the first batch says which columns there are.

        Args:
            rows: at most.
            folder: on which disk.
        """
        self._rows, self._folder = rows, folder
        self._columns: dict[str, Array] = {}
        self.written = 0

    def add(self, frame: pd.DataFrame, time: str | None, stored: Mapping[str, Any]) -> None:
        """Rows that follow those before.

        Args:
            frame: the rows, used columns as float64.
            time: name of the time column.
            stored: the dtype of each column in the source; float32 is kept as such.

        Raises:
            DataError: a column holds neither numbers nor times, or is not stored as before.
        """
        import pandas as pd

        if not self._columns:
            names = [name for name in (time, *frame.columns) if name is not None]
            for name in dict.fromkeys(names):
                kind = "float32" if stored[name] == "float32" else "float64"
                kind = "datetime64[ns]" if name == time else kind
                self._columns[name] = scratch((self._rows,), kind, self._folder)
        rows = slice(self.written, self.written + len(frame))
        for name, column in self._columns.items():
            values = frame[name]
            if name == time:
                column[rows] = values.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
            elif column.dtype == "float32" and stored[name] != "float32":
                raise DataError(
                    f"column {name!r} is float32 in the first file and {stored[name]} in a later "
                    "one; write them alike"
                )
            elif pd.api.types.is_numeric_dtype(values):
                column[rows] = values.to_numpy(dtype="float64", na_value=np.nan)
            else:
                raise DataError(
                    f"column {name!r} holds no numbers; a table on disk has numbers and one column "
                    "of times: name the columns to read in data.source.columns"
                )
        self.written += len(frame)

    def table(self, time: str | None, *, zoned: bool) -> DiskTable:
        """What was written."""
        columns = {name: values[: self.written] for name, values in self._columns.items()}
        return DiskTable(columns, time, zoned)
