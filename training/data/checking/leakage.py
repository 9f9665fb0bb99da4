"""The leakage guard: does a feature at or before t change when rows after t do?

Any step from a table to as many rows of numbers can be run through it, one's own included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from training.types import Array

CUTS = 8
"""Places that are tried; a step that looks one row ahead shows at each of them alone."""
FACTORS = (0.2, 5.0)
"""Later numbers become between so many times what they were."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A column of a step that knows something that it must not.

    Attributes:
        column: number of the column of the step's output.
        row: the first row whose value changed, from 0.
        cut: only rows from this one on had been changed.
    """

    column: int
    row: int
    cut: int


def find_leaks(
    step: Callable[[pd.DataFrame], Array], frame: pd.DataFrame, *, cuts: int = CUTS, seed: int = 0
) -> list[Leak]:
    """The columns of a step that change before the rows that were changed.

    Args:
        step: from a table to an array of shape (rows,) or (rows, columns).
        frame: rows that are like those of the training, numbers and times; not changed.
        cuts: how many places are tried.
        seed: of the other numbers.

    Returns:
        One for each column that leaks.

    Raises:
        DataError: the step gives another result when it is called again with the same rows.
    """
    known = _made(step, frame)
    if not _equal(known, _made(step, frame)).all():
        raise DataError(
            "gives another result for the same rows when it is called again; a step must not draw "
            "random numbers or keep anything from call to call"
        )
    random = np.random.default_rng(seed)
    places = np.unique(np.linspace(1, len(frame) - 1, cuts + 2).astype(int)[1:-1])
    leaks: dict[int, Leak] = {}
    for cut in places:
        for poisoned in (_poisoned(frame, cut, random), _turned_over(frame, cut)):
            same = _equal(known, _made(step, poisoned))[:cut]
            for column in np.flatnonzero(~same.all(axis=0)):
                first = int(np.flatnonzero(~same[:, column])[0])
                leaks.setdefault(int(column), Leak(int(column), first, int(cut)))
    return [leaks[column] for column in sorted(leaks)]


def require_causal(
    name: str, outputs: Sequence[str], step: Callable[[pd.DataFrame], Array], frame: pd.DataFrame
) -> None:
    """Refuse a step that leaks.

    Args:
        name: of the step, for the message.
        outputs: names of its columns.
        step: as in `find_leaks`.
        frame: as in `find_leaks`.

    Raises:
        DataError: naming the step and its columns.
    """
    try:
        leaks = find_leaks(step, frame)
    except DataError as error:
        raise DataError(f"step {name!r} {error}") from None
    if leaks:
        raise DataError("\n".join(said(name, outputs[leak.column], leak) for leak in leaks))


def said(name: str, output: str, leak: Leak) -> str:
    """The words for a leak."""
    return (
        f"step {name!r}: column {output!r} of row {leak.row + 1} changes when only rows from "
        f"{leak.cut + 1} on do: it knows the future, and no model that learns from it will do in "
        "use what it does here; use this row and earlier ones only (shift by positive numbers, "
        "windows that are not centred, no backward fill, nothing computed over all rows)"
    )


def _made(step: Callable[[pd.DataFrame], Array], frame: pd.DataFrame) -> Array:
    values = np.asarray(step(frame.copy()), dtype="float64")
    return values[:, np.newaxis] if values.ndim == 1 else values


def _equal(one: Array, other: Array) -> Array:
    if one.shape != other.shape:
        raise DataError(
            f"makes {other.shape} values where it made {one.shape} from other values in the same "
            "rows; a step must make a row for each row"
        )
    same: Array = (one == other) | (np.isnan(one) & np.isnan(other))
    return same


def _poisoned(frame: pd.DataFrame, cut: int, random: np.random.Generator) -> pd.DataFrame:
    """Other numbers, and later times, from a row on."""
    numbers, times = _kinds(frame)
    later = frame[numbers].to_numpy("float64", copy=True)
    later[cut:] = later[cut:] * random.uniform(*FACTORS, later[cut:].shape) + 0.01
    hours = np.maximum(np.arange(len(frame)) - cut + 1, 0) * np.timedelta64(1, "h")
    return _with(frame, numbers, later, {name: frame[name] + hours for name in times})


def _turned_over(frame: pd.DataFrame, cut: int) -> pd.DataFrame:
    """Numbers that fall where they rose, so that signs change too."""
    numbers, _ = _kinds(frame)
    later = frame[numbers].to_numpy("float64", copy=True)
    at, rest = later[cut - 1].copy(), later[cut:]
    positive = (rest > 0).all(axis=0) & (at > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        later[cut:] = np.where(positive, at * at / rest, 2 * at - rest)
    return _with(frame, numbers, later, {})


def _kinds(frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Columns of numbers, and columns of times."""
    kinds = {str(name): kind.kind for name, kind in frame.dtypes.items()}
    numbers = [name for name, kind in kinds.items() if kind in "fiu"]
    return numbers, [name for name, kind in kinds.items() if kind == "M"]


def _with(
    frame: pd.DataFrame, numbers: list[str], values: Array, others: dict[str, pd.Series[Any]]
) -> pd.DataFrame:
    """The same columns in the same order, with these values."""
    import pandas as pd

    made = pd.DataFrame(values, columns=numbers, index=frame.index)
    rest = {name: frame[name] for name in frame.columns if name not in numbers} | others
    return made.assign(**rest)[list(frame.columns)]
