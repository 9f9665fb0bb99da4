"""Inputs for rows that come in pieces: the same bits as for all rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.data.sources import Rows
from training.errors import ConfigError, DataError
from training.market.windows import Carry

if TYPE_CHECKING:
    import pandas as pd

    from training.data.features import Recipe
    from training.data.pipeline import FeaturePipeline
    from training.types import Array


class FeatureStream:
    """What has memory in a pipeline, from one piece of a table to the next.

    Windows look back into the last rows of the piece before, recursions go on from the value that
    they had there, and so do models that see several rows at once.

    Attributes:
        seen: rows so far.
    """

    def __init__(self, pipeline: FeaturePipeline) -> None:
        """Begin before the first row."""
        self.seen = 0
        self._pipeline = pipeline
        self._source: dict[str, Array] = {}
        self._scaled: Array | None = None
        recipes = pipeline.recipes
        self._carries = [Carry(one.warm_up + 2) if one.recursive else None for one in recipes]
        self._before = max((one.warm_up for one in recipes), default=0) + 1

    def push(self, frame: pd.DataFrame, where: str) -> Array:
        """Inputs for the next rows; for fewer at the front, where features look back.

        Args:
            frame: the source's columns, the rows that follow those of the call before.
            where: the words for the source.

        Raises:
            DataError: with all that is wrong with the rows.
            ConfigError: a function of the user's own may look back to the first row.
        """
        if self._pipeline.symbol is not None:
            return self._at_once(frame)
        rows = Rows(frame.reset_index(drop=True), where, ((where, -self.seen),))
        new = self._pipeline.source_of(rows)
        if self.seen:
            self._require_known_memory()
            new = {name: np.concatenate((self._source[name], new[name])) for name in new}
        made = [self._made(at, one, new, len(frame)) for at, one in enumerate(self._recipes)]
        values = np.column_stack(made)
        self._source = {name: column[-self._before :].copy() for name, column in new.items()}
        first = max(0, self._recipe_warm_up - self.seen)
        self.seen += len(frame)
        return self._inputs(self._pipeline.scale(values[first:]))

    @property
    def _recipes(self) -> list[Recipe]:
        return self._pipeline.recipes

    @property
    def _recipe_warm_up(self) -> int:
        return self._before - 1

    def _made(self, at: int, one: Recipe, source: dict[str, Array], new: int) -> Array:
        """A recipe's columns for the new rows."""
        rows = len(next(iter(source.values())))
        start = max(0, rows - new - one.warm_up - 1)
        piece = {name: column[start:] for name, column in source.items()}
        carry = self._carries[at]
        begins = self.seen - (rows - new) + start == 0
        if carry is None:
            made = one.compute(piece)
        else:
            with carry.piece(None if begins else new):
                made = one.compute(piece)
        values = np.column_stack(list(made))[rows - new - start :]
        unknown = np.flatnonzero(np.isnan(values).any(axis=1))
        late = unknown[unknown + self.seen >= one.warm_up]
        if len(late):
            raise DataError(
                f"feature {', '.join(one.names)}: no value is known for row "
                f"{self.seen + late[0] + 1}, though warm_up = {one.warm_up}"
            )
        return values

    def _inputs(self, scaled: Array) -> Array:
        """Windows over the rows of this piece and the last ones of the piece before."""
        look_back = self._pipeline.look_back
        if look_back.rows == 1:
            return np.ascontiguousarray(self._pipeline.inputs(scaled))
        if self._scaled is not None:
            scaled = np.concatenate((self._scaled, scaled))
        self._scaled = scaled[len(scaled) - min(len(scaled), look_back.rows - 1) :].copy()
        inputs = self._pipeline.inputs(np.ascontiguousarray(scaled))
        return np.ascontiguousarray(inputs) if look_back.flat else inputs

    def _at_once(self, frame: pd.DataFrame) -> Array:
        """Rows of several series, which are not cut."""
        if self.seen:
            raise ConfigError(
                "a table of several symbols cannot be scored in pieces; score all of its rows at "
                "once (--chunk-rows 0), or each symbol by itself"
            )
        self.seen += len(frame)
        return self._pipeline.transform(frame)

    def _require_known_memory(self) -> None:
        own = next((one.step for one in self._recipes if one.step is not None), None)
        if own is not None:
            raise ConfigError(
                f"feature {own!r} is a function of yours, which may look back to the first row, so "
                "rows cannot be scored in pieces; score them all at once (--chunk-rows 0)"
            )
