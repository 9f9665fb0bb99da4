"""From a Parquet source to a table on disk: the same checks as in memory, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.disk.table import BLOCK, DiskTable, TableWriter
from training.data.findings import Findings
from training.data.numbers import as_numbers, check_missing
from training.data.sources import Rows
from training.data.sources.columns import missing_column, time_name
from training.data.sources.parquet_files import measure_parquet, parquet_batches
from training.data.sources.paths import without_secrets
from training.data.times import read_times
from training.data.window import Window

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from training.config.data import DataConfig
    from training.config.sources import ParquetSource


class BatchReader:
    """Checks batches as they come, and keeps what borders on the next one.

    Attributes:
        writer: takes the rows that are used.
        notes: how times were read.
    """

    def __init__(
        self,
        config: DataConfig,
        source: ParquetSource,
        used: Collection[str],
        prices: Collection[str],
        folder: str,
    ) -> None:
        """Read nothing yet.

        Args:
            config: the section `data`.
            source: its source.
            used: columns that features and target are made of.
            prices: those of them that must be above 0.
            folder: on which disk.
        """
        self.config, self.source = config, source
        self.used, self.prices = used, prices
        self.where = without_secrets(source.path)
        self.writer = TableWriter(measure_parquet(source)[0], folder)
        self.notes: list[str] = []
        self._window = Window.of(source)
        self._last: Any = None
        self._time: str | None = None
        self._zoned = False

    def read(self) -> DiskTable:
        """All batches.

        Raises:
            DataError: what is wrong with the first batch that has a fault.
        """
        for batch in parquet_batches(self.source, BLOCK):
            findings = Findings(Rows(batch, self.where), self.config.check_rows)
            used = self._in_time(batch, findings)
            numbers = as_numbers(used, self.used, self.prices, findings)
            if self.config.on_missing == "error":
                way = "set data.on_missing: drop to leave such rows out"
                check_missing(numbers, self.used, findings, way)
            findings.raise_any()
            self.writer.add(
                numbers.frame[~numbers.missing],
                self._time,
                {str(name): batch[name].dtype for name in batch},
            )
        return self.writer.table(self._time, zoned=self._zoned)

    def _in_time(self, frame: pd.DataFrame, findings: Findings) -> pd.DataFrame:
        """The rows within the window, each later than the one before."""
        names = [str(name) for name in frame.columns]
        self._time = time = time_name(names, self.source.time_column)
        if time is None:
            if not self._window.is_open:
                findings.add(
                    "data.source.start, end and as_of need times; name data.source.time_column"
                )
            return frame
        if time not in names:
            findings.add(missing_column(time, names))
            findings.raise_any()
        if self.config.on_missing == "drop":
            frame = frame[frame[time].notna()]
        read = read_times(frame[time], findings)
        if read is None:
            findings.raise_any()
            return frame
        if read.note and read.note not in self.notes:
            self.notes.append(read.note)
        frame = frame.assign(**{time: read.times})
        self._zoned = read.times.dt.tz is not None
        frame = frame[self._window.holds(read.times)]
        self._check_order(frame[time], findings)
        return frame

    def _check_order(self, times: pd.Series[Any], findings: Findings) -> None:
        if times.empty:
            return
        plain = times.dt.tz_localize(None).to_numpy()
        before = plain[0] - np.timedelta64(1, "ns") if self._last is None else self._last
        steps = np.diff(plain, prepend=before)
        late = steps <= np.timedelta64(0)
        if late.any():
            findings.add_values(
                times[late],
                "not later than the row before",
                "sort the rows by time, each time once, for a table on disk",
            )
        self._last = plain[-1]
