"""What is wrong with a table, collected, so that one error says all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from training.data.sources import Rows

LONGEST_VALUE = 40


class Findings:
    """Lines, each with the place, the bad value, what was expected and the way out."""

    def __init__(self, rows: Rows, shown: int) -> None:
        """Start with nothing wrong.

        Args:
            rows: what was read; messages count its rows.
            shown: how many of the rows that share a fault are named.
        """
        self._rows = rows
        self._shown = shown
        self._lines: list[str] = []

    def add(self, text: str) -> None:
        """Something is wrong."""
        self._lines.append(f"{self._rows.where}: {text}")

    def add_values(self, values: pd.Series[Any], fault: str, way_out: str) -> None:
        """Values of a column are wrong.

        Args:
            values: the wrong ones; their index says the rows, their name the column.
            fault: the words after the value, as in "row 3 is 'abc', FAULT".
            way_out: what was expected, and what to do.
        """
        named = values.iloc[: self._shown]
        said = [f"{self._rows.place(int(str(row)))} is {_said(v)}" for row, v in named.items()]
        left = len(values) - len(said)
        if left:
            said.append(f"{left} more rows" if said else f"{left} rows")
        self.add(f"column {values.name!r}: {', '.join(said)}: {fault}; {way_out}")

    def raise_any(self) -> None:
        """End here if anything is wrong.

        Raises:
            DataError: all that was added, a line each.
        """
        if self._lines:
            raise DataError("\n".join(self._lines))


def _said(value: Any) -> str:  # noqa: ANN401 - whatever a cell holds
    if value is None or value != value:  # noqa: PLR0124 - what is missing is not equal to itself
        return "missing"
    if not isinstance(value, str):
        return str(value.item() if isinstance(value, np.generic) else value)
    return repr(value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…")
