"""Features of a table on disk, computed block by block when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.disk.scratch import scratch
from training.data.disk.table import BLOCK
from training.data.features import TIMES

if TYPE_CHECKING:
    from training.data.disk.table import DiskTable
    from training.data.features import Recipe
    from training.data.pipeline import FeaturePipeline
    from training.types import Array


class FeatureRows:
    """Acts as the array that `FeaturePipeline.compute` gives, shape (rows, features).

    A windowed feature is computed from the rows of its window, wherever they are: the same bits as
    over the whole table. A recursive one is computed over the whole column once, and kept on disk.
    """

    def __init__(self, table: DiskTable, pipeline: FeaturePipeline, folder: str) -> None:
        """Compute what is recursive; all else when it is asked for."""
        self._table = table
        self._pipeline = pipeline
        self._first, self._rows = 0, len(table)
        self._kept = {
            at: self._whole(one, folder) for at, one in enumerate(pipeline.recipes) if one.recursive
        }

    def __len__(self) -> int:
        return self._rows

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features."""
        return self._rows, len(self._pipeline.names)

    def part(self, rows: slice) -> FeatureRows:
        """Some of the rows."""
        found = object.__new__(FeatureRows)
        found.__dict__ |= self.__dict__
        found._first, found._rows = self._first + rows.start, rows.stop - rows.start
        return found

    def __getitem__(self, key: Any) -> Array:  # noqa: ANN401 - a slice of rows, or (slice, column)
        if isinstance(key, tuple):
            return self._column(key[1])
        start, stop, _ = key.indices(self._rows)
        return self._block(self._first + start, self._first + stop)

    def _block(self, start: int, stop: int) -> Array:
        made = [
            self._kept[at][start:stop] if at in self._kept else self._windowed(one, start, stop)
            for at, one in enumerate(self._pipeline.recipes)
        ]
        return np.column_stack(made)

    def _column(self, number: int) -> Array:
        found = np.empty(self._rows)
        for at in range(0, self._rows, BLOCK):
            found[at : at + BLOCK] = self[at : at + BLOCK][:, number]
        return found

    def _windowed(self, one: Recipe, start: int, stop: int) -> Array:
        before = max(start - one.warm_up, 0)
        made = np.column_stack(list(one.compute(self._source(one, before, stop))))
        return made[start - before :]

    def _whole(self, one: Recipe, folder: str) -> Array:
        made = one.compute(self._source(one, 0, len(self._table)))
        kept = scratch((len(self._table), len(one.names)), "float64", folder)
        for number, column in enumerate(made):
            kept[:, number] = column
        return kept

    def _source(self, one: Recipe, start: int, stop: int) -> dict[str, Array]:
        columns = self._table.columns
        found = {name: np.array(columns[name][start:stop], "float64") for name in one.columns}
        if one.uses_times and self._table.times is not None:
            found[TIMES] = np.array(self._table.times[start:stop])
        return found
