"""The data set of a table on disk: what it is in memory, to the last bit, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.dataset import Dataset, Part, Prices
from training.data.disk.choose import CELL, folder_of, require_room
from training.data.disk.features import FeatureRows
from training.data.disk.read import BatchReader
from training.data.disk.scratch import scratch
from training.data.disk.table import BLOCK
from training.data.findings import Findings
from training.data.parts import (
    bars_per_year,
    check_finite,
    check_varying,
    known,
    part_of,
    span_of,
    typed_labels,
)
from training.data.sources import Rows
from training.data.sources.parquet_files import measure_parquet
from training.data.split import Known, split_rows
from training.data.targets import forward_returns, horizon, labels, looks_back, task_of
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pandas as pd

    from training.config.data import DataConfig
    from training.data.disk.table import DiskTable
    from training.data.pipeline import FeaturePipeline
    from training.types import Array

    Check = Callable[[pd.DataFrame, str | None, Findings], None]


def disk_dataset(
    config: DataConfig,
    pipeline: FeaturePipeline,
    used: Collection[str],
    prices: Collection[str],
    check: Check,
) -> Dataset:
    """Read, check, make features and labels, split, scale; little of it in memory at a time.

    Args:
        config: the section `data`, with a Parquet source.
        pipeline: not fitted yet.
        used: columns that features and target are made of.
        prices: those of them that must be above 0.
        check: looks at a sample of the rows: frame, name of its time column, findings.

    Raises:
        DataError: with what was found wrong, or how much room is missing.
    """
    source: Any = config.source
    folder = folder_of(config.memory)
    rows, columns = measure_parquet(source)
    require_room(rows * _row_size(config, pipeline, columns), folder)
    reader = BatchReader(config, source, used, prices, folder)
    table = reader.read() if rows else None
    _require_rows(config, pipeline, len(table) if table is not None and table.columns else 0)
    assert table is not None  # noqa: S101 - there are rows
    findings = Findings(Rows(table.frame(0, 1), reader.where), config.check_rows)
    check(_last_rows(table), table.time, findings)
    values = FeatureRows(table, pipeline, folder)
    whole, task, outputs, parts = _whole(config, pipeline, table, values, findings)
    train, validation, test = (part_of(whole, part, pipeline.look_back) for part in parts)
    sizes = {"train": len(train.x), "validation": len(validation.x), "test": len(test.x)}
    notes = [*reader.notes, f"{len(table)} rows in mapped files in {folder}"]
    return Dataset(
        train=train,
        validation=validation,
        test=test,
        features=pipeline.input_names,
        task=task,
        outputs=outputs,
        fingerprint=table.fingerprint(),
        pipeline=pipeline,
        bars_per_year=bars_per_year(table.times),
        description={"source": reader.where, "rows": len(table)}
        | _span(table)
        | {"columns": list(table.columns), "notes": notes}
        | {"features": len(pipeline.input_names), "parts": sizes}
        | known(findings=findings.to_json()),
    )


def _row_size(config: DataConfig, pipeline: FeaturePipeline, columns: int) -> int:
    """Bytes of a row at most: columns, inputs, labels twice, returns, what is recursive."""
    kept = sum(len(one.names) for one in pipeline.recipes if one.recursive)
    labels = getattr(config.target, "steps", 1)
    inputs = len(pipeline.names) * np.dtype(config.dtype).itemsize
    return inputs + CELL * (columns + kept + 2 * labels + 1)


def _last_rows(table: DiskTable) -> pd.DataFrame:
    """A sample for the checks, the index counting all rows."""
    start = max(len(table) - 2 * BLOCK, 0)
    frame = table.frame(start, len(table))
    return frame.set_axis(range(start, len(table)))


def _span(table: DiskTable) -> dict[str, str]:
    import pandas as pd

    if table.time is None:
        return {}
    ends = [table.frame(at, at + 1, [table.time])[table.time] for at in (0, len(table) - 1)]
    return span_of(pd.concat(ends))


def _require_rows(config: DataConfig, pipeline: FeaturePipeline, rows: int) -> None:
    back, ahead = max(pipeline.warm_up, looks_back(config.target)), horizon(config.target)
    if rows - back - ahead < max(config.min_rows, 1):
        raise DataError(
            f"{max(rows - back - ahead, 0)} rows are left of {rows}, when features have looked "
            f"back {back} and the target {ahead} ahead; expected at least data.min_rows = "
            f"{config.min_rows}"
        )


def _whole(
    config: DataConfig,
    pipeline: FeaturePipeline,
    table: DiskTable,
    values: FeatureRows,
    findings: Findings,
) -> tuple[Part, Any, int, Any]:
    """All rows with scaled features and labels, the task, its outputs, and the parts."""
    target, folder = config.target, folder_of(config.memory)
    ahead = horizon(target)
    raw, returns, classes = _labels(config, table, folder)
    task, outputs = task_of(target, classes, findings)
    first = max(pipeline.warm_up, looks_back(target))
    parts = split_rows(config.split, Known(len(table), first, ahead, table.times, raw))
    if not isinstance(parts.train, slice):
        raise DataError("a split with gaps needs its rows in memory; set data.memory.mode: memory")
    learnt = values.part(parts.train)
    check_varying(*_extremes(learnt), pipeline.names, findings)
    findings.raise_any()
    pipeline.fit(learnt)  # type: ignore[arg-type]  # acts as an array
    x = scratch(values.shape, pipeline.dtype, folder)
    y_type = "int64" if task == "multiclass" else config.dtype
    y = scratch(raw.shape, y_type, folder)
    finite = np.ones(len(pipeline.names), dtype=bool)
    for at in range(0, len(table), BLOCK):
        block = slice(at, at + BLOCK)
        x[block] = pipeline.scale(values[block])
        y[block] = typed_labels(raw[block], task, config.dtype)
        finite &= np.isfinite(x[max(at, pipeline.warm_up) : at + BLOCK]).all(axis=0)
    check_finite(finite, pipeline, findings)
    findings.raise_any()
    prices = _prices(table, target.column) if returns is not None else None
    part = Part(x, y, table.times, returns, prices=prices, readers=config.memory.readers)
    return part, task, outputs, parts


def _prices(table: DiskTable, column: str) -> Prices:
    whole = slice(0, len(table))
    return Prices(table.columns[column], (whole,), whole)


def _labels(config: DataConfig, table: DiskTable, folder: str) -> tuple[Array, Array | None, Array]:
    """Labels, returns to the next row, and the different labels that there are."""
    target, rows = config.target, len(table)
    back, ahead = looks_back(target), max(horizon(target), 1)
    like = labels(target, table.frame(0, back + ahead + 1, [target.column]))
    found = scratch((rows, *like.shape[1:]), "float64", folder)
    has_price = forward_returns(target, table.frame(0, 2, [target.column])) is not None
    returns = scratch((rows,), "float64", folder) if has_price else None
    classes: set[float] = set()
    few = target.type == "column" and target.task != "regression"
    for at in range(0, rows, BLOCK):
        start, stop = max(at - back, 0), min(at + BLOCK + ahead, rows)
        frame, own = (
            table.frame(start, stop, [target.column]),
            slice(at - start, at - start + BLOCK),
        )
        found[at : at + BLOCK] = labels(target, frame)[own]
        if returns is not None:
            returns[at : at + BLOCK] = forward_returns(target, frame)[own]  # type: ignore[index]  # it is a price
        if few:
            classes |= set(np.unique(found[at : at + BLOCK]).tolist())
    return found, returns, np.array(sorted(classes))


def _extremes(values: FeatureRows) -> tuple[Array, Array]:
    blocks = (values[at : at + BLOCK] for at in range(0, len(values), BLOCK))
    found = [(block.min(axis=0), block.max(axis=0)) for block in blocks]
    low, high = zip(*found, strict=True)
    return np.min(low, axis=0), np.max(high, axis=0)
