"""Which rows are for training, which for validation, which for the test.

Training rows whose labels look into another part are left out (purged), and so are as many more
rows between two parts as the embargo says (López de Prado 2018, chapter 7).
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from training.config.splits import DateSplit, KFoldSplit, SplitConfig, WalkForwardSplit
from training.data.window import bound
from training.errors import DataError

if TYPE_CHECKING:
    import datetime as dt

    from training.config.splits import Split
    from training.types import Array


class Cut(NamedTuple):
    """Numbers of the rows of each part, in order: a slice, or an array where there are gaps."""

    train: slice | Array
    validation: slice | Array
    test: slice | Array


class Known(NamedTuple):
    """What a split goes by.

    Attributes:
        rows: of the table.
        first: rows at the front that have no features or no label.
        ahead: how many later rows a label looks at.
        times: datetime64[ns], shape (rows,); None where rows have no time.
        labels: shape (rows,) or (rows, outputs).
    """

    rows: int
    first: int
    ahead: int
    times: Array | None
    labels: Array


def split_rows(split: Split, known: Known) -> Cut:
    """The rows of each part, as the configuration wants them.

    Raises:
        DataError: a part that was asked for has no row left, or the split does not fit the rows.
    """
    if isinstance(split, SplitConfig):
        parts = cut(known.rows, split, first=known.first, ahead=known.ahead)
    elif isinstance(split, DateSplit):
        parts = _by_date(split, known)
    elif isinstance(split, WalkForwardSplit):
        parts = _walk_forward(split, known)
    else:
        parts = _one_of_folds(split, known)
    require_apart(parts, known.ahead)
    return parts


def count_folds(split: Split) -> int:
    """How many trainings a split stands for."""
    return split.folds if isinstance(split, WalkForwardSplit | KFoldSplit) else 1


def cut(rows: int, split: SplitConfig, *, first: int, ahead: int) -> Cut:
    """Training first, then validation, then test.

    The last `ahead` rows of each part are purged: their labels look at rows beyond it.

    Args:
        rows: of the table.
        split: shares of the rows from `first` on.
        first: rows at the front that have no features.
        ahead: how many later rows a label looks at.

    Raises:
        DataError: a part that was asked for has no row left.
    """
    usable = rows - first
    test = rows - round(usable * split.test)
    validation = test - round(usable * split.validation)
    parts = _three(first, validation, test, rows, ahead, split.embargo)
    asked = {
        "training": (parts.train, 1 - split.validation - split.test),
        "data.split.validation": (parts.validation, split.validation),
        "data.split.test": (parts.test, split.test),
    }
    for name, (part, share) in asked.items():
        if not _size(part) and (share > 0 or name == "training"):
            raise _empty(f"{name} = {share:g} of {usable} rows", ahead, split.embargo)
    return parts


def require_apart(parts: Cut, ahead: int) -> None:
    """Refuse parts that share a row, or whose labels look into a later part.

    Raises:
        DataError: naming the parts and the row.
    """
    for (one, rows), (other, others) in permutations(parts._asdict().items(), 2):
        shared = _shared(rows, others, ahead)
        if shared is not None:
            raise DataError(
                f"row {shared + 1} is in the {other} part, and rows of the {one} part are it or "
                f"have labels that look at it ({ahead} rows ahead); parts must be apart by the "
                "horizon"
            )


def _shared(rows: slice | Array, others: slice | Array, ahead: int) -> int | None:
    """A row of the others that these rows are, or that their labels look at."""
    if isinstance(rows, slice) and isinstance(others, slice):
        first = max(rows.start, others.start)
        last = min(rows.stop + ahead, others.stop) if _size(rows) else 0
        return first if first < last else None
    reach = np.unique(_numbers(rows)[:, np.newaxis] + np.arange(ahead + 1))
    shared = np.intersect1d(reach, _numbers(others))
    return int(shared[0]) if len(shared) else None


def _by_date(split: DateSplit, known: Known) -> Cut:
    if known.times is None:
        raise DataError("data.split.type = 'date' needs times; name data.source.time_column")
    first_test = _place(known.times, split.test)
    first_validation = min(_place(known.times, split.validation), first_test)
    parts = _three(
        known.first, first_validation, first_test, known.rows, known.ahead, split.embargo
    )
    asked = (("validation", parts.validation), ("test", parts.test), ("training", parts.train))
    for name, part in asked:
        given = getattr(split, name, "the rows before")
        if given is not None and not _size(part):
            span = f"{known.times[0]:.10} to {known.times[-1]:.10}" if len(known.times) else ""
            what = f"data.split.{name} = {given}" if name != "training" else "training"
            raise _empty(f"{what} of rows from {span}", known.ahead, split.embargo)
    return parts


def _walk_forward(split: WalkForwardSplit, known: Known) -> Cut:
    usable = known.rows - known.first
    size = split.test or max((usable - split.validation) // (split.folds + 1), 1)
    fold = split.fold % split.folds
    end = known.rows - (split.folds - 1 - fold) * size
    test = end - size
    validation = test - split.validation
    first = known.first
    if split.train is not None:
        first = max(first, validation - known.ahead - split.embargo - split.train)
    parts = _three(first, validation, test, end, known.ahead, split.embargo)
    asked = [parts.train, parts.test, *([parts.validation] if split.validation else [])]
    if not all(_size(part) for part in asked):
        raise _empty(
            f"fold {fold} of {split.folds} with test parts of {size} of {usable} rows",
            known.ahead,
            split.embargo,
        )
    return parts


def _one_of_folds(split: KFoldSplit, known: Known) -> Cut:
    if known.times is None and known.ahead == 0:
        folds = _dealt(split, known)
        others = [part for at, part in enumerate(folds) if at != split.fold]
        validation = folds[(split.fold + 1) % split.folds]
        train = np.concatenate([part for part in others if part is not validation])
        return Cut(np.sort(train), np.sort(validation), np.sort(folds[split.fold]))
    if split.stratified:
        raise DataError(
            "data.split.stratified deals rows without regard to their order, and these rows have "
            "times or labels that look ahead; leave it out"
        )
    borders = np.linspace(known.first, known.rows, split.folds + 1).astype(int)
    test, validation = (
        np.arange(borders[at], borders[at + 1])
        for at in (split.fold, (split.fold + 1) % split.folds)
    )
    rows = np.arange(known.first, known.rows - known.ahead)
    validation = _apart(validation, test, known, split.embargo)
    held = np.sort(np.concatenate([test, np.arange(*_span(borders, split))]))
    train = _apart(np.setdiff1d(rows, held), held, known, split.embargo)
    test = test[test < known.rows - known.ahead]
    parts = Cut(train, validation, _apart(test, validation, known, 0))
    if not all(_size(part) for part in parts):
        raise _empty(f"one of {split.folds} folds of {known.rows} rows", known.ahead, split.embargo)
    return parts


def _span(borders: Array, split: KFoldSplit) -> tuple[int, int]:
    at = (split.fold + 1) % split.folds
    return int(borders[at]), int(borders[at + 1])


def _apart(rows: Array, others: Array, known: Known, embargo: int) -> Array:
    """Those rows whose labels do not look into the others, and that are not soon after them."""
    rows = rows[rows < known.rows - known.ahead]
    near = np.zeros(known.rows + 1, dtype=int)
    for other in others[np.diff(others, prepend=-2) > 1]:  # the first of each stretch
        near[max(other - known.ahead - embargo, 0)] += 1
    for other in others[np.diff(others, append=known.rows + 1) > 1]:  # the last of each
        near[min(other + known.ahead + embargo + 1, known.rows)] -= 1
    kept: Array = rows[np.cumsum(near)[rows] == 0]
    return kept


def _dealt(split: KFoldSplit, known: Known) -> list[Array]:
    """Shuffled rows in equal parts; each class by itself where they are stratified."""
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([split.seed])))
    rows = random.permutation(np.arange(known.first, known.rows))
    if split.stratified:
        rows = rows[np.argsort(known.labels[rows], kind="stable")]
    return [rows[at :: split.folds] for at in range(split.folds)]


def _three(first: int, validation: int, test: int, end: int, ahead: int, embargo: int) -> Cut:
    def part(start: int, stop: int, gap: int) -> slice:
        return slice(start, max(start, stop - ahead - gap))

    return Cut(
        part(first, validation, embargo if validation < end else 0),
        part(validation, test, embargo if test < end else 0),
        part(test, end, 0),
    )


def _place(times: Array, at: dt.datetime | dt.date | None) -> int:
    """The first row at or after a time."""
    moment = bound(at)
    return len(times) if moment is None else int(np.searchsorted(times, moment.to_datetime64()))


def _numbers(part: slice | Array) -> Array:
    return np.arange(part.start, part.stop) if isinstance(part, slice) else part


def _size(part: slice | Array) -> int:
    return max(part.stop - part.start, 0) if isinstance(part, slice) else len(part)


def _empty(what: str, ahead: int, embargo: int) -> DataError:
    besides = f" and an embargo of {embargo}" if embargo else ""
    return DataError(
        f"{what} leaves none, with the last {ahead} of each part left out since their labels look "
        f"beyond it{besides}; change data.split"
    )
