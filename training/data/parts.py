"""From rows with features and labels to the parts of a data set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.dataset import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from training.data.findings import Findings
    from training.data.lookback import LookBack
    from training.data.pipeline import FeaturePipeline
    from training.types import Array, TaskKind

SECONDS_A_YEAR = 365.25 * 86_400


def part_of(whole: Part, rows: slice | Array, look_back: LookBack) -> Part:
    """Some of the rows; those before them are looked back at.

    Args:
        whole: all rows, with scaled features as inputs.
        rows: a slice, for views; or numbers of rows.
        look_back: how many rows the model sees at once.
    """
    before = look_back.rows - 1
    if isinstance(rows, slice):
        inputs = look_back.windows(whole.x[max(rows.start - before, 0) : rows.stop])
    else:
        inputs = look_back.windows(whole.x)[rows - before]
    return Part(
        x=inputs,
        y=whole.y[rows],
        times=None if whole.times is None else whole.times[rows],
        forward_returns=None if whole.forward_returns is None else whole.forward_returns[rows],
        prices=None if whole.prices is None else replace(whole.prices, at=rows),
        readers=whole.readers,
    )


def typed_labels(labels: Array, task: TaskKind, dtype: str) -> Array:
    """Whole numbers for classes, else the dtype of the model."""
    if task == "multiclass":
        return np.nan_to_num(labels).astype("int64")
    return labels.astype(dtype)


def check_varying(low: Array, high: Array, names: Sequence[str], findings: Findings) -> None:
    """A feature whose smallest and largest value in the training part are one is a finding."""
    for name, least, most in zip(names, low, high, strict=True):
        if least == most:
            findings.add(
                f"feature {name!r} is {least:g} in every row of the training part; a constant "
                "teaches nothing: leave it out of data.features, or check its source"
            )


def check_finite(finite: Array, pipeline: FeaturePipeline, findings: Findings) -> None:
    """A feature that is not finite everywhere in the model's precision is a finding."""
    for name, known in zip(pipeline.names, finite, strict=True):
        if not known:
            findings.add(
                f"feature {name!r} has values too large for {pipeline.dtype}; set data.dtype: "
                "float64, data.scaler: standard, or correct the source"
            )


def span_of(times: pd.Series[Any]) -> dict[str, str]:
    """First and last time, for a person: a date where it is midnight."""
    return {
        name: at.date().isoformat() if at == at.normalize() else at.isoformat(sep=" ")
        for name, at in (("first", times.iloc[0]), ("last", times.iloc[-1]))
    }


def bars_per_year(times: Array | None) -> float | None:
    """Rows a year; None without times."""
    if times is None or len(times) < 2:  # noqa: PLR2004 - a span has two ends
        return None
    seconds = float((times[-1] - times[0]) / np.timedelta64(1, "s"))
    return (len(times) - 1) * SECONDS_A_YEAR / seconds


def known(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - plain values of any kind
    """Those that are not empty."""
    return {name: value for name, value in values.items() if value}
