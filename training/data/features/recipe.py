"""What there is to know of a configured feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from training.types import Array

    Columns = Mapping[str, Array]

TIMES = "\0times"
"""Among the columns that a feature is made of: the times of the rows, datetime64[ns]."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a configured feature is made.

    Attributes:
        names: of its columns.
        columns: of the source that it is made of.
        warm_up: rows at the front for which it is not known.
        compute: from the source's columns, float64, shape (rows,) each, to its own.
        needs_prices: whether its source columns must be above 0.
        sees_row: whether it uses its own row, not only earlier ones.
        uses_times: whether it is given the rows' times too, as column `TIMES`.
        needs_times: whether it cannot do without them.
        step: what a user calls it, if it is a function of theirs.
        recursive: whether a value may depend on more rows than the warm-up, back to the first.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    warm_up: int
    compute: Callable[[Columns], Sequence[Array]]
    needs_prices: bool = True
    sees_row: bool = True
    uses_times: bool = False
    needs_times: bool = False
    step: str | None = None
    recursive: bool = False
