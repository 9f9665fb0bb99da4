"""How many rows a model sees at once: windows of the past that overlap in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.lib.stride_tricks import as_strided

from training.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.types import Array


@dataclass(frozen=True, slots=True)
class LookBack:
    """Rows that a model sees at once, the oldest first, the row itself last.

    Attributes:
        rows: how many; 1: the row itself alone.
        flat: one after the other in a single row of inputs; else an axis of their own.
    """

    rows: int = 1
    flat: bool = True

    @classmethod
    def of(cls, window: int | None, look_back: int) -> LookBack:
        """What a model with a window sees, or one that sees single rows of inputs.

        Args:
            window: rows on an axis of their own; None: a single row of inputs.
            look_back: rows of the table that such a single row is made of.

        Raises:
            ConfigError: both.
        """
        if window is None:
            return cls(look_back)
        if look_back > 1:
            raise ConfigError(
                f"data.look_back = {look_back} puts rows one after the other, and model.window = "
                f"{window} gives them an axis of their own; leave one of the two out"
            )
        return cls(window, flat=False)

    def names(self, features: Sequence[str]) -> tuple[str, ...]:
        """Names of the inputs' last axis."""
        if not self.flat:
            return tuple(features)
        back = range(self.rows - 1, -1, -1)
        return tuple(f"{name}_back_{at}" if at else name for at in back for name in features)

    def windows(self, values: Array) -> Array:
        """A window for each row that enough rows are before, without a copy, not to be written.

        Args:
            values: C-contiguous, shape (rows, features).

        Returns:
            Shape (rows - self.rows + 1, self.rows · features), or with an axis for each.
        """
        if self.rows == 1 and self.flat:
            return values
        rows, features = max(len(values) - self.rows + 1, 0), values.shape[1]
        row, cell = values.strides
        if self.flat:
            return as_strided(values, (rows, self.rows * features), (row, cell), writeable=False)
        shape = (rows, self.rows, features)
        return as_strided(values, shape, (row, row, cell), writeable=False)
