"""The data stage: load, check, make features, split in order of time, scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.data import ColumnTarget
from training.data.checks import as_numbers, check_missing, numeric_columns
from training.data.dataset import Dataset, Part
from training.data.features import spelt_out
from training.data.findings import Findings
from training.data.pipeline import FeaturePipeline
from training.data.sources import Rows, read_rows
from training.data.split import cut
from training.data.table import Table, fingerprint
from training.data.targets import forward_returns, horizon, labels, task_of
from training.data.timeline import Timeline, in_time
from training.data.windows import as_windows
from training.secrets import hidden, revealed, unspoken

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from training.config.data import DataConfig
    from training.types import Array

SECONDS_A_YEAR = 365.25 * 86_400


class DataManager:
    """Loads and prepares the data that a configuration describes."""

    def __init__(self, config: DataConfig, *, frame: pd.DataFrame | None = None) -> None:
        """Read nothing yet.

        Args:
            config: the section `data`.
            frame: the rows, for a source of type `dataframe`.
        """
        self.config = config
        self._frame = frame

    @unspoken()
    def load(self) -> Table:
        """Read the source, check it, take its fingerprint.

        Raises:
            DataError: with all that was found wrong, a line each.
        """
        rows = read_rows(revealed(self.config.source), self._frame)
        findings = Findings(rows, self.config.check_rows)
        timeline = in_time(rows.frame, self.config, findings)
        frame = self._checked(timeline.frame, timeline.time, findings).reset_index(drop=True)
        frame = _time_first(frame, timeline.time)
        description = hidden(_describe(frame, rows, timeline))
        return Table(frame, timeline.time, fingerprint(frame), description)

    def get_data(self, table: Table | None = None, *, window: int | None = None) -> Dataset:
        """Features, target, parts, scaling; nothing of a later part reaches an earlier one.

        Args:
            table: what `load` gave; default: load it.
            window: give each row together with those before it, `window` in all; the first rows,
                which have too few before them, are left out. None: rows alone.

        Raises:
            DataError: with all that was found wrong, a line each.
        """
        table = table or self.load()
        frame, target = table.frame, self.config.target
        where = str(table.description.get("source", "the table"))
        findings = Findings(Rows(frame, where), self.config.check_rows)
        pipeline = self._pipeline(frame, table.time)
        values, y = pipeline.compute(frame), labels(target, frame)
        ahead = horizon(target)
        task, outputs = task_of(target, y[: len(y) - ahead], findings)
        first = pipeline.warm_up + (window or 1) - 1
        slices = cut(len(frame), self.config.split, first=first, ahead=ahead)
        _check_varying(values[slices.train], pipeline.names, findings)
        findings.raise_any()
        pipeline.fit(values[slices.train])
        x = pipeline.scale(values)
        _check_finite(x[pipeline.warm_up :], pipeline, findings)
        findings.raise_any()
        times = None if table.time is None else _plain_times(frame[table.time])
        y = y.astype("int64" if task == "multiclass" else self.config.dtype)
        whole = Part(as_windows(x, window), y, times, forward_returns(target, frame))
        train, validation, test = (whole.rows(part) for part in slices)
        sizes = {"train": len(train.x), "validation": len(validation.x), "test": len(test.x)}
        return Dataset(
            train=train,
            validation=validation,
            test=test,
            features=pipeline.names,
            task=task,
            outputs=outputs,
            fingerprint=table.fingerprint,
            pipeline=pipeline,
            bars_per_year=_bars_per_year(times),
            description=table.description | {"features": len(pipeline.names), "parts": sizes},
        )

    def _pipeline(self, frame: pd.DataFrame, time: str | None) -> FeaturePipeline:
        config = self.config
        known = config.target.column if isinstance(config.target, ColumnTarget) else None
        features = spelt_out(config.features, numeric_columns(frame, (time, known)))
        return FeaturePipeline(features, config.scaler, config.dtype)

    def _checked(self, frame: pd.DataFrame, time: str | None, findings: Findings) -> pd.DataFrame:
        """The rows that can be used, with the columns that are used as float64."""
        config, target = self.config, self.config.target
        pipeline = self._pipeline(frame, time)
        used = dict.fromkeys((*pipeline.columns, target.column))
        has_price = not isinstance(target, ColumnTarget)
        if not has_price and pipeline.sees_row_of(target.column):
            findings.add(
                f"column {target.column!r} is the target, and features are made of it in the same "
                "row: they would know the answer; use lags of it, or leave it out"
            )
        prices = {*pipeline.prices, target.column} if has_price else set(pipeline.prices)
        numbers = as_numbers(frame, used, prices, findings)
        if config.on_missing == "error":
            way = "set data.on_missing: drop to leave such rows out"
            check_missing(numbers, used, findings, way)
        kept = numbers.frame[~numbers.missing]
        back, ahead = pipeline.warm_up, horizon(target)
        left = len(kept) - back - ahead
        if left < max(config.min_rows, 1):
            findings.add(
                f"{max(left, 0)} rows are left of {len(frame)}, when features have looked back "
                f"{back} and the target {ahead} ahead; expected at least data.min_rows = "
                f"{config.min_rows}"
            )
        findings.raise_any()
        return kept


def _time_first(frame: pd.DataFrame, time: str | None) -> pd.DataFrame:
    """Some write an index of times before the columns, some behind them; it is the same table."""
    return frame[[time, *frame.columns.drop(time)]] if time else frame


def _check_varying(values: Array, names: Sequence[str], findings: Findings) -> None:
    for name, spread, value in zip(names, np.ptp(values, axis=0), values[0], strict=True):
        if spread == 0:
            findings.add(
                f"feature {name!r} is {value:g} in every row of the training part; a constant "
                "teaches nothing: leave it out of data.features, or check its source"
            )


def _check_finite(x: Array, pipeline: FeaturePipeline, findings: Findings) -> None:
    for name, column in zip(pipeline.names, x.T, strict=True):
        if not np.isfinite(column).all():
            findings.add(
                f"feature {name!r} has values too large for {pipeline.dtype}; set data.dtype: "
                "float64, data.scaler: standard, or correct the source"
            )


def _describe(frame: pd.DataFrame, rows: Rows, timeline: Timeline) -> dict[str, Any]:
    known: dict[str, Any] = {"source": rows.where, "rows": len(frame)}
    if timeline.time is not None:
        times = frame[timeline.time]
        known |= {"first": _moment(times.iloc[0]), "last": _moment(times.iloc[-1])}
    known["columns"] = [str(name) for name in frame.columns]
    notes = [*rows.notes, *timeline.notes]
    return known | ({"notes": notes} if notes else {})


def _moment(at: pd.Timestamp) -> str:
    """A date where the time is midnight."""
    return at.date().isoformat() if at == at.normalize() else at.isoformat(sep=" ")


def _plain_times(times: pd.Series[Any]) -> Array:
    """As datetime64[ns], in UTC where a zone is known."""
    plain: Array = times.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
    return plain


def _bars_per_year(times: Array | None) -> float | None:
    if times is None or len(times) < 2:  # noqa: PLR2004 - a span has two ends
        return None
    seconds = float((times[-1] - times[0]) / np.timedelta64(1, "s"))
    return (len(times) - 1) * SECONDS_A_YEAR / seconds
