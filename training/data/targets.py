"""What a model learns to say, and what a trader would have earned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.config.targets import (
    ColumnTarget,
    DirectionTarget,
    MultiStepTarget,
    ReturnTarget,
    Target,
    TripleBarrierTarget,
)
from training.data.dataset import Prices
from training.market.indicators import historical_volatility

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from training.data.findings import Findings
    from training.types import Array, TaskKind

SHOWN_CLASSES = 8


def horizon(target: Target) -> int:
    """How many later rows a label looks at."""
    if isinstance(target, ColumnTarget):
        return 0
    return target.steps if isinstance(target, MultiStepTarget) else target.horizon


def looks_back(target: Target) -> int:
    """Rows at the front that have no label, since it needs rows before it."""
    return target.window if isinstance(target, TripleBarrierTarget) else 0


def labels(target: Target, frame: pd.DataFrame) -> Array:
    """A label for each row, float64, shape (rows,) or (rows, steps); NaN where there is none."""
    column = frame[target.column].to_numpy(dtype="float64")
    if isinstance(target, ColumnTarget):
        return column
    if isinstance(target, DirectionTarget):
        later = _later(column, target.horizon)
        rises: Array = np.where(np.isnan(later), np.nan, later > column)
        return rises
    if isinstance(target, ReturnTarget):
        returns: Array = np.log(_later(column, target.horizon) / column)
        return returns
    if isinstance(target, MultiStepTarget):
        steps = range(1, target.steps + 1)
        found: Array = np.column_stack([np.log(_later(column, step) / column) for step in steps])
        found[-target.steps :] = np.nan
        return found
    return _first_barrier(target, column)


def _first_barrier(target: TripleBarrierTarget, price: Array) -> Array:
    volatility = historical_volatility(price, target.window)
    met = np.where(np.isnan(volatility), np.nan, 1.0)
    open_ = np.ones(len(price), dtype=bool)
    for step in range(1, target.horizon + 1):
        moved = np.log(_later(price, step) / price)
        for hit, label in (
            (moved >= target.upper * volatility, 2.0),
            (moved <= -target.lower * volatility, 0.0),
        ):
            met[open_ & hit] = label
            open_ &= ~hit
    met[-target.horizon :] = np.nan
    return met


def _later(values: Array, rows: int) -> Array:
    """The values of so many rows later, NaN where there are none."""
    moved = np.full(len(values), np.nan)
    moved[:-rows] = values[rows:]
    return moved


def forward_returns(target: Target, frame: pd.DataFrame) -> Array | None:
    """The simple return from each bar to the next, NaN for the last; None for no price."""
    if isinstance(target, ColumnTarget):
        return None
    price = frame[target.column].to_numpy(dtype="float64")
    returns = np.full(len(price), np.nan)
    returns[:-1] = price[1:] / price[:-1] - 1.0
    return returns


def prices_of(target: Target, frame: pd.DataFrame, symbols: Sequence[slice]) -> Prices | None:
    """The closes of a table that the target is made of; None for no price."""
    if isinstance(target, ColumnTarget):
        return None
    # A copy: a view would keep all columns of the table in memory.
    close = frame[target.column].to_numpy(dtype="float64", copy=True)
    return Prices(close, tuple(symbols), slice(0, len(frame)))


def task_of(target: Target, values: Array, findings: Findings) -> tuple[TaskKind, int]:
    """The kind of task, and how many outputs it has; labels that do not fit it are a finding."""
    if isinstance(target, DirectionTarget):
        return "binary", 1
    if isinstance(target, TripleBarrierTarget):
        return "multiclass", 3
    if isinstance(target, MultiStepTarget):
        return "regression", target.steps
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
