"""What a model learns to say, and what a trader would have earned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.config.data import ColumnTarget, DirectionTarget, Target

if TYPE_CHECKING:
    import pandas as pd

    from training.data.findings import Findings
    from training.types import Array, TaskKind

SHOWN_CLASSES = 8


def horizon(target: Target) -> int:
    """How many later rows a label looks at."""
    return 0 if isinstance(target, ColumnTarget) else target.horizon


def labels(target: Target, frame: pd.DataFrame) -> Array:
    """A label for each row, float64; NaN where the rows that it looks at are not there."""
    column = frame[target.column].to_numpy(dtype="float64")
    if isinstance(target, ColumnTarget):
        return column
    later, now = column[target.horizon :], column[: -target.horizon]
    found = np.full(len(column), np.nan)
    is_direction = isinstance(target, DirectionTarget)
    found[: len(later)] = later > now if is_direction else np.log(later / now)
    return found


def forward_returns(target: Target, frame: pd.DataFrame) -> Array | None:
    """The simple return from each bar to the next, NaN for the last; None for no price."""
    if isinstance(target, ColumnTarget):
        return None
    price = frame[target.column].to_numpy(dtype="float64")
    returns = np.full(len(price), np.nan)
    returns[:-1] = price[1:] / price[:-1] - 1.0
    return returns


def task_of(target: Target, values: Array, findings: Findings) -> tuple[TaskKind, int]:
    """The kind of task, and how many outputs it has; labels that do not fit it are a finding."""
    if isinstance(target, DirectionTarget):
        return "binary", 1
    if not isinstance(target, ColumnTarget) or target.task == "regression":
        return "regression", 1
    classes = np.unique(values)
    many = max(2, len(classes))
    if target.task == "binary":
        if not np.isin(classes, (0, 1)).all():
            findings.add(f"target {target.column!r} has {_some(classes)}; binary wants 0 and 1")
        return "binary", 1
    if not np.array_equal(classes, np.arange(len(classes))):
        findings.add(
            f"target {target.column!r} has {_some(classes)}; multiclass wants 0, 1, 2, … with "
            "none left out"
        )
    return "multiclass", many


def _some(values: Array) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:SHOWN_CLASSES])
    return f"{shown}, …" if len(values) > SHOWN_CLASSES else shown
