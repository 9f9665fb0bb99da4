"""Several symbols in one table: one after the other, each in order of time by itself.

Features, labels and windows are made of one stretch after the other, so that none crosses from a
symbol to the next. Parts are cut by time, at the same moment for all symbols.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from training.data.split import Cut, Known, require_apart, split_rows
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from training.config.splits import Split
    from training.types import Array

Made = TypeVar("Made", bound="Array | None")


def stretches(frame: pd.DataFrame, symbol: str | None) -> dict[str, slice]:
    """The rows of each symbol by its name; of a table without symbols all rows, as ''.

    Args:
        frame: sorted by symbol.
        symbol: name of the column; None: there is one series alone.
    """
    if symbol is None or not len(frame):
        return {"": slice(0, len(frame))}
    names = frame[symbol].astype(str).to_numpy()
    starts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist()]
    stops = [*starts[1:], len(names)]
    return {
        str(names[start]): slice(start, stop) for start, stop in zip(starts, stops, strict=True)
    }


def each(make: Callable[[pd.DataFrame], Made], frame: pd.DataFrame, symbol: str | None) -> Made:
    """What is made of each symbol by itself, one after the other.

    Args:
        make: from the rows of one symbol to as many rows; None where there is nothing to make.
        frame: sorted by symbol.
        symbol: name of the column; None: there is one series alone.
    """
    if symbol is None:
        return make(frame)
    made = [make(frame[rows]) for rows in stretches(frame, symbol).values()]
    return np.concatenate(made) if made[0] is not None else None  # type: ignore[return-value, arg-type]  # all are arrays then


def known_rows(found: Sequence[slice], back: int, ahead: int) -> slice | Array:
    """Rows with features and a label: a slice where there is one stretch."""
    if len(found) == 1:
        return slice(found[0].start + back, max(found[0].stop - ahead, found[0].start + back))
    return _numbers(found, back, ahead)


def split_symbols(
    split: Split, found: Sequence[slice], times: Array, *, back: int, ahead: int
) -> Cut:
    """The parts, each in order of time and with the rows of all symbols that it has.

    A row whose label looks into another part is left out, by its own symbol's rows: where bars are
    missing it looks further in time.

    Args:
        split: as it would be for one series with all times that there are.
        found: the rows of each symbol.
        times: datetime64[ns], shape (rows,).
        back: rows at the front of each symbol that have no features or no label.
        ahead: how many later rows a label looks at.

    Raises:
        DataError: a part that was asked for has no row left, or the split does not fit the rows.
    """
    clock, moment = np.unique(times, return_inverse=True)
    cut = split_rows(split, Known(len(clock), back, ahead, clock, np.zeros(len(clock))))
    rows = _numbers(found, back, ahead)
    parts = []
    for name, part in cut._asdict().items():
        own, other = np.zeros(len(clock), bool), np.zeros(len(clock), bool)
        own[part] = True
        for rest in cut._asdict().values():
            other[rest] |= rest is not part
        before = np.append(0, np.cumsum(other))
        looks_in = before[moment[rows + ahead] + 1] > before[moment[rows] + 1]
        chosen = rows[own[moment[rows]] & ~looks_in]
        if own.any() and not len(chosen):
            raise DataError(f"no symbol has a row in the {name} part; change data.split")
        parts.append(chosen[np.argsort(moment[chosen], kind="stable")])
    found_parts = Cut(*parts)
    require_apart(found_parts, ahead)
    return found_parts


def _numbers(found: Sequence[slice], back: int, ahead: int) -> Array:
    return np.concatenate([np.arange(rows.start + back, rows.stop - ahead) for rows in found])
