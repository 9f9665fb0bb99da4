"""What a model learns to say, and what a trader would have earned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.config.data import ColumnTarget, DirectionTarget
from training.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from training.config.data import Target
    from training.types import Array, TaskKind


def horizon(target: Target) -> int:
    """How many later rows a label looks at."""
    return 0 if isinstance(target, ColumnTarget) else target.horizon


def labels(target: Target, frame: pd.DataFrame) -> Array:
    """A label for each row, float64; NaN where the rows that it looks at are not there."""
    column = frame[target.column].to_numpy(dtype="float64")
    if isinstance(target, ColumnTarget):
        return column
    ahead = np.full(len(column), np.nan)
    ahead[: len(column) - target.horizon] = column[target.horizon :]
    if isinstance(target, DirectionTarget):
        known = np.isfinite(ahead)
        return np.where(known, (ahead > column).astype("float64"), np.nan)
    result: Array = np.log(ahead / column)
    return result


def forward_returns(target: Target, frame: pd.DataFrame) -> Array | None:
    """The simple return from each bar to the next; None where the target is no price."""
    if isinstance(target, ColumnTarget):
        return None
    price = frame[target.column].to_numpy(dtype="float64")
    returns = np.full(len(price), np.nan)
    returns[:-1] = price[1:] / price[:-1] - 1.0
    return returns


def task_of(target: Target, values: Array) -> tuple[TaskKind, int]:
    """The kind of task, and how many outputs it has.

    Raises:
        DataError: labels that do not fit the task.
    """
    if isinstance(target, DirectionTarget):
        return "binary", 1
    if not isinstance(target, ColumnTarget) or target.task == "regression":
        return "regression", 1
    classes = np.unique(values)
    expected = np.arange(max(2, len(classes)))
    if target.task == "binary" and not np.isin(classes, (0, 1)).all():
        raise DataError(f"target {target.column!r}: has {_some(classes)}; binary wants 0 and 1")
    if target.task == "multiclass" and not np.array_equal(classes, expected[: len(classes)]):
        raise DataError(
            f"target {target.column!r}: has {_some(classes)}; multiclass wants 0, 1, 2, … "
            "with none left out"
        )
    return target.task, 1 if target.task == "binary" else len(expected)


def _some(values: Array) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:8])
    return f"{shown}, …" if len(values) > 8 else shown  # noqa: PLR2004 - fits on a line
