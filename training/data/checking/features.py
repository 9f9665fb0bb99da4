"""Checks of features: none that knows the future, and none that has drifted unless that is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.data.checking.drift import drifts
from training.data.checking.leakage import find_leaks, said
from training.data.features import TIMES
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from training.config.checks import DriftCheck, LeakageCheck
    from training.data.checking.view import Report
    from training.data.features import Recipe
    from training.types import Array

SPARE_ROWS = 60
"""Of the sample, beyond what features look back."""
NEITHER_ROW_NOR_LATER = (
    "changes with the target of the same row: it knows the answer; use lags of it"
)


def check_leakage(
    check: LeakageCheck,
    recipes: Sequence[Recipe],
    source: Mapping[str, Array],
    target: str | None,
    report: Report,
) -> None:
    """Every feature is computed again with other rows after some row, on a sample.

    Args:
        check: how large the sample is.
        recipes: of the features.
        source: what they are made of.
        target: a column of the source that the model is to say, if it is one.
        report: where to say what was found.
    """
    import pandas as pd

    back = max((one.warm_up for one in recipes), default=0)
    sample = pd.DataFrame(dict(source)).iloc[: max(check.rows, 2 * back + SPARE_ROWS)]
    for one in recipes:
        needed = [name for name in (*one.columns, TIMES) if name in sample]
        frame, step = sample[needed], _step(one)
        try:
            found = [
                said(_name(one), one.names[leak.column], leak) for leak in find_leaks(step, frame)
            ]
            if target in one.columns and target is not None and _sees_its_row(step, frame, target):
                found.append(f"step {_name(one)!r} {NEITHER_ROW_NOR_LATER}")
        except DataError as error:
            found = [f"step {_name(one)!r}: {error}"]
        for text in found:
            report.add(text)


def check_drift(
    check: DriftCheck, values: Array, names: Sequence[str], new_rows: int, report: Report
) -> None:
    """The latest rows of the features against all before them.

    Args:
        check: what counts as drift.
        values: of the features, shape (rows, features).
        names: of the features.
        new_rows: how many the champion has not seen: all of them are compared, if they are more.
        report: where to say what was found.
    """
    rows = max(check.rows, new_rows)
    found = drifts(values, names, rows=rows, quantile=check.quantile, statistic=check.statistic)
    drifted = [one for one in found if one.drifted]
    if len(drifted) >= max(check.features * len(names), 1):
        distances = ", ".join(
            f"{one.feature} {one.distance:.3g} > {one.usual:.3g}" for one in drifted
        )
        report.add(
            f"the last {rows} rows are unlike those before in {len(drifted)} of {len(names)} "
            f"features ({check.statistic}: {distances}); expect a model of the past to do worse"
        )


def _step(one: Recipe) -> Callable[[pd.DataFrame], Array]:
    def step(frame: pd.DataFrame) -> Array:
        columns = {name: np.ascontiguousarray(frame[name].to_numpy()) for name in frame.columns}
        return np.column_stack(list(one.compute(columns)))

    return step


def _name(one: Recipe) -> str:
    return one.step or ", ".join(one.names)


def _sees_its_row(step: Callable[[pd.DataFrame], Array], frame: pd.DataFrame, target: str) -> bool:
    """Whether a row changes when only the target of that row and of later ones does."""
    known = step(frame)
    for row in np.unique(np.linspace(len(frame) // 2, len(frame) - 1, 8).astype(int)):
        other = frame.copy()
        values = frame[target].to_numpy(copy=True)
        values[row:] = 3 * values[row:] + 1
        other[target] = values
        if not np.array_equal(step(other)[row], known[row], equal_nan=True):
            return True
    return False
