"""Which rows are for training, which for validation, which for the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from training.errors import DataError

if TYPE_CHECKING:
    from training.config.data import SplitConfig


class Cut(NamedTuple):
    """Rows of each part, in order of time."""

    train: slice
    validation: slice
    test: slice


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
    parts = Cut(
        slice(first, max(first, validation - ahead)),
        slice(validation, max(validation, test - ahead)),
        slice(test, max(test, rows - ahead)),
    )
    asked = {
        "training": (parts.train, 1 - split.validation - split.test),
        "data.split.validation": (parts.validation, split.validation),
        "data.split.test": (parts.test, split.test),
    }
    for name, (part, share) in asked.items():
        if part.stop <= part.start and (share > 0 or name == "training"):
            raise DataError(
                f"{name} = {share:g} of {usable} rows leaves none, with the last {ahead} of each "
                "part left out since their labels look beyond it; change data.split"
            )
    return parts
