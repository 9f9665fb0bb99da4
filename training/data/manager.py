"""The data stage: load, check, make features, split in order of time, scale."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.checks import DriftCheck, LeakageCheck, with_defaults
from training.config.sources import NoSource
from training.config.targets import ColumnTarget
from training.data.checking import Report, View, check_table, seen_rows
from training.data.checking.features import check_drift, check_leakage
from training.data.dataset import Dataset, Part
from training.data.disk import disk_dataset, goes_to_disk
from training.data.earlier import Earlier
from training.data.features import spelt_out
from training.data.findings import Findings, in_words
from training.data.lookback import LookBack
from training.data.nothing import no_data
from training.data.numbers import (
    as_numbers,
    check_missing,
    check_weights,
    numeric_columns,
    to_numbers,
)
from training.data.parts import (
    bars_per_year,
    check_finite,
    check_varying,
    known,
    part_of,
    span_of,
    typed_labels,
)
from training.data.pipeline import FeaturePipeline
from training.data.sources import Rows, read_rows
from training.data.sources.columns import time_name
from training.data.sources.parquet_files import parquet_batches
from training.data.split import Known, count_folds, split_rows
from training.data.symbols import each, known_rows, split_symbols, stretches
from training.data.table import Table, fingerprint
from training.data.targets import forward_returns, horizon, labels, looks_back, prices_of, task_of
from training.data.timeline import Timeline, in_time
from training.errors import DataError
from training.secrets import hidden, revealed, unspoken, without_secrets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import pandas as pd

    from training.config.checks import Check
    from training.config.data import DataConfig
    from training.config.splits import Split
    from training.types import Array


logger = logging.getLogger(__name__)

FIRST_ROWS = 1000
"""From which it is seen what kinds of columns a table on disk has."""


class DataManager:
    """Loads and prepares the data that a configuration describes."""

    def __init__(
        self,
        config: DataConfig,
        *,
        frame: pd.DataFrame | None = None,
        trusted: Collection[str] | None = None,
        window: int | None = None,
        earlier: Earlier | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            config: the section `data`.
            frame: the rows, for a source of type `dataframe`.
            trusted: modules that `module:function` may name; None: all.
            window: rows that a model of sequences sees at once, on an axis of their own.
            earlier: what earlier runs saw, for the checks `revised` and `drift`.

        Raises:
            ConfigError: a window, and `data.look_back` too.
        """
        self.config = config
        self._earlier = earlier or Earlier()
        self._look_back = LookBack.of(window, config.look_back)
        self._frame = frame
        self._trusted = trusted

    def knowing(self, *, window: int | None = None, earlier: Earlier | None = None) -> DataManager:
        """The same manager for a run: what its model sees at once, and what earlier runs saw."""
        return DataManager(
            self.config,
            frame=self._frame,
            trusted=self._trusted,
            window=window,
            earlier=earlier or self._earlier,
        )

    @unspoken()
    def load(self) -> Table:
        """Read the source, check it, take its fingerprint.

        Raises:
            DataError: with all that was found wrong, a line each.
        """
        rows = read_rows(self._to_read().source, self._frame, self._trusted)
        findings = Findings(rows, self.config.check_rows)
        timeline = in_time(rows.frame, self.config, findings)
        frame, symbol = self._checked(timeline, findings), self.config.symbol_column
        description = hidden(_describe(frame, rows, timeline))
        seen = {
            name: seen_rows(frame[rows_of], timeline.time)
            for name, rows_of in stretches(frame, symbol).items()
        }
        description |= known(
            symbols=list(seen) if symbol else (), findings=findings.to_json(), seen=known(**seen)
        )
        return Table(frame, timeline.time, fingerprint(frame), description, symbol)

    def folds(self, table: Table | None = None) -> Iterator[Dataset]:
        """The data of each fold of a split that has several, earliest first.

        Raises:
            DataError: with all that was found wrong, a line each.
        """
        table = table or self.load()
        split = self.config.split
        for fold in range(count_folds(split)):
            one = split.model_copy(update={"fold": fold}) if count_folds(split) > 1 else split
            yield self.get_data(table, one)

    def get_data(self, table: Table | None = None, split: Split | None = None) -> Dataset:
        """Features, target, parts, scaling; nothing of a later part reaches an earlier one.

        Args:
            table: what `load` gave; default: load it.
            split: in place of the configured one.

        Raises:
            DataError: with all that was found wrong, a line each.
        """
        if isinstance(self.config.source, NoSource):
            return no_data()
        if table is None and split is None and goes_to_disk(to_read := self._to_read()):
            data = self._from_disk(to_read)
        else:
            data = self._from_table(table or self.load(), split or self.config.split)
        for finding in data.description.get("findings", ()):
            logger.warning("%s: %s", data.description["source"], in_words(finding))
        return data

    def _from_table(self, table: Table, split: Split) -> Dataset:
        """The data set of a table in memory."""
        frame, target = table.frame, self.config.target
        where = str(table.description.get("source", "the table"))
        findings = Findings(Rows(frame, where), self.config.check_rows)
        pipeline = self._pipeline(frame, table.time)
        values = each(lambda rows: pipeline.compute(rows, table.time), frame, table.symbol)
        y = each(lambda rows: labels(target, rows), frame, table.symbol)
        found = list(stretches(frame, table.symbol).values())
        ahead, first = horizon(target), max(pipeline.warm_up, looks_back(target))
        task, outputs = task_of(target, y[known_rows(found, 0, ahead)], findings)
        times = table.times
        if table.symbol is None or times is None:
            parts = split_rows(split, Known(len(frame), first, ahead, times, y))
        else:
            parts = split_symbols(split, found, times, back=first, ahead=ahead)
        learnt = values[parts.train]
        check_varying(learnt.min(axis=0), learnt.max(axis=0), pipeline.names, findings)
        self._check_features(pipeline, table, values, first, findings)
        findings.raise_any()
        pipeline.fit(learnt)
        x = pipeline.scale(values)
        usable = known_rows(found, pipeline.warm_up, 0)
        check_finite(np.atleast_1d(np.isfinite(x[usable]).all(axis=0)), pipeline, findings)
        findings.raise_any()
        y = typed_labels(y, task, self.config.dtype)
        returns = each(lambda rows: forward_returns(target, rows), frame, table.symbol)
        whole = Part(x, y, times, returns, prices=prices_of(target, frame, found))
        train, validation, test = (part_of(whole, part, pipeline.look_back) for part in parts)
        if (column := self.config.weight_column) is not None:
            weight = frame[column].to_numpy(dtype=self.config.dtype)
            train = replace(train, weight=weight[parts.train])
        sizes = {"train": len(train.x), "validation": len(validation.x), "test": len(test.x)}
        return Dataset(
            train=train,
            validation=validation,
            test=test,
            features=pipeline.input_names,
            task=task,
            outputs=outputs,
            fingerprint=table.fingerprint,
            pipeline=pipeline,
            bars_per_year=bars_per_year(table.moments),
            description=table.description
            | {"features": len(pipeline.input_names), "parts": sizes}
            | known(findings=[*table.description.get("findings", ()), *findings.to_json()]),
        )

    def _pipeline(self, frame: pd.DataFrame, time: str | None) -> FeaturePipeline:
        config = self.config
        label = config.target.column if isinstance(config.target, ColumnTarget) else None
        left_out = (time, label, config.symbol_column, config.weight_column)
        features = spelt_out(config.features, numeric_columns(frame, left_out))
        if not features:
            raise DataError("data.features makes no column; name at least one feature")
        return FeaturePipeline(
            features,
            config.scaler,
            config.dtype,
            look_back=self._look_back,
            symbol=config.symbol_column,
            trusted=self._trusted,
        )

    def _to_read(self) -> DataConfig:
        """The configuration with the source's secrets filled in: to use, not to keep.

        The columns of symbols and of weights come by themselves, as that of times does.
        """
        source = revealed(self.config.source)
        for name in (self.config.weight_column, self.config.symbol_column):
            if name is not None and source.columns is not None and name not in source.columns:
                source = source.model_copy(update={"columns": (name, *source.columns)})
        return self.config.model_copy(update={"source": source})

    def _from_disk(self, config: DataConfig) -> Dataset:
        """The same data set from mapped files."""
        source: Any = config.source
        first = next(parquet_batches(source, FIRST_ROWS))
        time = time_name([str(name) for name in first.columns], source.time_column)
        findings = Findings(Rows(first, without_secrets(str(source.path))), config.check_rows)
        pipeline = self._pipeline(first, time)
        used, prices = self._used(pipeline, time, findings)
        findings.raise_any()
        return disk_dataset(config, pipeline, used, prices, self._check_sample)

    def _check_sample(self, frame: pd.DataFrame, time: str | None, findings: Findings) -> None:
        """The checks of a table and of its features, as far as some of its rows show them."""
        pipeline = self._pipeline(frame, time)
        _, prices = self._used(pipeline, time, findings)
        self._check_rows(frame, frame, time, prices, findings)
        values = pipeline.compute(frame, time)
        self._check_features(pipeline, Table(frame, time, ""), values, pipeline.warm_up, findings)
        findings.raise_any()

    def _used(
        self, pipeline: FeaturePipeline, time: str | None, findings: Findings
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Columns that are made use of, and those of them that are prices."""
        target = self.config.target
        has_price = not isinstance(target, ColumnTarget)
        if not has_price and pipeline.sees_row_of(target.column):
            findings.add(
                f"column {target.column!r} is the target, and features are made of it in the same "
                "row: they would know the answer; use lags of it, or leave it out"
            )
        if pipeline.needs_times and time is None:
            findings.add("features are made of times; name data.source.time_column")
        weight = () if self.config.weight_column is None else (self.config.weight_column,)
        used = dict.fromkeys((*pipeline.columns, target.column, *weight))
        prices = dict.fromkeys((*pipeline.prices, *((target.column,) if has_price else ())))
        return tuple(used), tuple(prices)

    def _checked(self, timeline: Timeline, findings: Findings) -> pd.DataFrame:
        """The rows that can be used, with the columns that are used as float64."""
        config, target = self.config, self.config.target
        frame, time, _ = timeline
        pipeline = self._pipeline(frame, time)
        used, prices = self._used(pipeline, time, findings)
        numbers = as_numbers(frame, used, prices, findings)
        check_weights(numbers.frame, config.weight_column, findings)
        if config.on_missing == "error":
            way = "set data.on_missing: drop to leave such rows out"
            check_missing(numbers, used, findings, way)
        kept = _time_first(numbers.frame[~numbers.missing], time)
        back, ahead = max(pipeline.warm_up, looks_back(target)), horizon(target)
        left = sum(
            max(rows.stop - rows.start - back - ahead, 0)
            for rows in stretches(kept, config.symbol_column).values()
        )
        if left < max(config.min_rows, 1):
            findings.add(
                f"{left} rows are left of {len(frame)}, when features have looked back "
                f"{back} and the target {ahead} ahead; expected at least data.min_rows = "
                f"{config.min_rows}"
            )
        self._check_rows(numbers.frame, kept, time, prices, findings)
        findings.raise_any()
        return kept.reset_index(drop=True)

    @property
    def _checks(self) -> tuple[Check, ...]:
        return with_defaults(self.config.checks)

    def _check_rows(
        self,
        frame: pd.DataFrame,
        kept: pd.DataFrame,
        time: str | None,
        prices: Collection[str],
        findings: Findings,
    ) -> None:
        """The configured checks, of each symbol by itself."""
        symbol = self.config.symbol_column
        used = stretches(kept, symbol)
        for name, rows in stretches(frame, symbol).items():
            one = frame[rows]
            numbers = {
                column: _finite(values)
                for column in numeric_columns(one, (time, symbol))
                if (values := to_numbers(one[column])).notna().any()
            }
            view = View(
                one,
                kept[used.get(name, slice(0, 0))],
                numbers,
                time,
                tuple(prices),
                self.config.source,
                self._earlier.of(name),
                self._trusted,
            )
            check_table(self._checks, view, findings)

    def _check_features(
        self,
        pipeline: FeaturePipeline,
        table: Table,
        values: Array,
        first: int,
        findings: Findings,
    ) -> None:
        """Of several symbols, the one with the most rows is the sample."""
        target = self.config.target
        label = target.column if isinstance(target, ColumnTarget) else None
        rows = max(
            stretches(table.frame, table.symbol).values(), key=lambda rows: rows.stop - rows.start
        )
        sample = Table(table.frame[rows], table.time, "")
        source = pipeline.source_columns(sample.frame, sample.time)
        values = values[rows][first:]
        for check in self._checks:
            report = Report.of(check, findings)
            if isinstance(check, LeakageCheck):
                check_leakage(check, pipeline.recipes, source, label, report)
            elif isinstance(check, DriftCheck):
                new_rows = self._earlier.new_rows(sample.times)
                check_drift(check, values, pipeline.names, new_rows, report)


def _finite(values: pd.Series[float]) -> pd.Series[float]:
    """NaN in the place of what is infinite; the column itself where nothing is."""
    finite = np.isfinite(values)
    return values if finite.all() else values.where(finite)


def _time_first(frame: pd.DataFrame, time: str | None) -> pd.DataFrame:
    """Some write an index of times before the columns, some behind them; it is the same table."""
    return frame[[time, *frame.columns.drop(time)]] if time else frame


def _describe(frame: pd.DataFrame, rows: Rows, timeline: Timeline) -> dict[str, Any]:
    found: dict[str, Any] = {"source": rows.where, "rows": len(frame)}
    if timeline.time is not None:
        found |= span_of(frame[timeline.time].sort_values())
    found["columns"] = [str(name) for name in frame.columns]
    return found | known(notes=[*rows.notes, *timeline.notes])
