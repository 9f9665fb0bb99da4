"""What is wrong with a table, collected, so that one error says all of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from training.data.sources import Rows

LONGEST_VALUE = 40
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the table of findings, in plain values.

    Attributes:
        check: which found it: `read`, or the type of a check.
        level: errors end the run.
        column: where, None for the whole table.
        row: the words for the row, None for the whole column.
        value: what stands there.
        finding: what is wrong, and the way out.
    """

    check: str
    level: Severity
    column: str | None
    row: str | None
    value: str | None
    finding: str


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
        self.table: list[Finding] = []

    def add(
        self,
        text: str,
        *,
        column: str | None = None,
        check: str = "read",
        level: Severity = "error",
    ) -> None:
        """Something is wrong."""
        self.table.append(Finding(check, level, column, None, None, text))
        self._say(text, level)

    def add_values(
        self,
        values: pd.Series[Any],
        fault: str,
        way_out: str,
        *,
        check: str = "read",
        level: Severity = "error",
    ) -> None:
        """Values of a column are wrong.

        Args:
            values: the wrong ones; their index says the rows, their name the column.
            fault: the words after the value, as in "row 3 is 'abc', FAULT".
            way_out: what was expected, and what to do.
            check: which found it.
            level: whether it ends the run.
        """
        named = [
            (self._rows.place(int(str(row))), _said(value))
            for row, value in values.iloc[: self._shown].items()
        ]
        column, text = str(values.name), f"{fault}; {way_out}"
        self.table += [Finding(check, level, column, row, value, text) for row, value in named]
        said = [f"{row} is {value}" for row, value in named]
        left = len(values) - len(said)
        if left:
            said.append(f"{left} more rows" if said else f"{left} rows")
            self.table.append(Finding(check, level, column, said[-1], None, text))
        self._say(f"column {values.name!r}: {', '.join(said)}: {text}", level)

    def to_json(self) -> list[dict[str, str | None]]:
        """All of them as rows of a table."""
        return [asdict(finding) for finding in self.table]

    def raise_any(self) -> None:
        """End here if anything is an error.

        Raises:
            DataError: all errors, a line each; its `findings` are the rows of the table.
        """
        if self._lines:
            raise DataError("\n".join(self._lines), self.to_json())

    def _say(self, text: str, level: Severity) -> None:
        if level == "error":
            self._lines.append(f"{self._rows.where}: {text}")


def in_words(finding: Mapping[str, str | None]) -> str:
    """A row of the table of findings as a line."""
    place = " ".join(str(finding[key]) for key in ("column", "row", "value") if finding[key])
    return f"{finding['check']}: {place}{': ' if place else ''}{finding['finding']}"


def _said(value: Any) -> str:  # noqa: ANN401 - whatever a cell holds
    if value is None or value != value:  # noqa: PLR0124 - what is missing is not equal to itself
        return "missing"
    if not isinstance(value, str):
        return str(value.item() if isinstance(value, np.generic) else value)
    return repr(value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…")
