"""What a source read, before anything about it is checked."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows as they were read, and how to name one of them in a message.

    Attributes:
        frame: the rows, index 0 … n - 1 in the order of the source.
        where: the words for the source.
        files: name of each file and the number of rows before it, where there are several.
        notes: what a person should know about how they were read.
    """

    frame: pd.DataFrame
    where: str
    files: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Words for a row: its number, from 1 and without the header, within its file."""
        if not self.files:
            return f"row {row + 1}"
        name, before = self.files[bisect_right(self.files, row, key=lambda file: file[1]) - 1]
        return f"{name} row {row + 1 - before}"
