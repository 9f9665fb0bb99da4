"""The data stage: load, check, make features, split in order of time, scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.data import ColumnsFeature, ColumnTarget
from training.data.checks import as_times, in_order, numeric, time_column
from training.data.dataset import Dataset, Part
from training.data.features import prices_of, with_columns
from training.data.pipeline import FeaturePipeline
from training.data.sources import read
from training.data.table import Table, fingerprint
from training.data.targets import forward_returns, horizon, labels, task_of
from training.errors import DataError

if TYPE_CHECKING:
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

    def load(self) -> Table:
        """Read the source, check it, take its fingerprint.

        Raises:
            DataError: with all that was found wrong.
        """
        frame, where = read(self.config.source, self._frame)
        time = time_column(frame, self.config, where)
        if time is not None and len(frame):
            frame = frame.assign(**{time: as_times(frame[time], where)})
            frame = in_order(self._window(frame, time), time, where, self.config)
        frame = frame.reset_index(drop=True)
        self._check_rows(len(frame), where)
        return Table(frame, time, fingerprint(frame), _describe(frame, time, where))

    def get_data(self, table: Table | None = None) -> Dataset:
        """Features, target, parts, scaling; nothing of a later part reaches an earlier one.

        Args:
            table: what `load` gave; default: load it.

        Raises:
            DataError: with all that was found wrong.
        """
        table = table or self.load()
        config, where = self.config, str(table.description["source"])
        features = with_columns(config.features, self._numeric_columns(table))
        pipeline = FeaturePipeline(features, config.scaler, config.dtype)
        used = [*pipeline.columns, config.target.column]
        frame = numeric(table.frame, used, where, config)
        self._check_prices(frame, features, where)
        values = pipeline.compute(frame)
        target = labels(config.target, frame)
        self._check_rows(len(frame) - pipeline.warm_up - horizon(config.target), where)
        task, outputs = task_of(config.target, target[np.isfinite(target)])
        cut = self._cut(pipeline.warm_up, len(frame))
        pipeline.fit(values[cut[0]])
        returns = forward_returns(config.target, frame)
        times = None if table.time is None else frame[table.time].to_numpy()

        def part(rows: slice) -> Part:
            y = target[rows].astype("int64" if task == "multiclass" else config.dtype)
            return Part(
                x=pipeline.scale(values[rows]),
                y=y,
                times=None if times is None else times[rows],
                forward_returns=None if returns is None else returns[rows],
            )

        train, validation, test = (part(rows) for rows in cut)
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

    def _window(self, frame: pd.DataFrame, time: str) -> pd.DataFrame:
        import pandas as pd

        source = self.config.source
        times = frame[time]
        zone = getattr(times.dtype, "tz", None)
        keep = np.ones(len(frame), dtype=bool)
        for bound, after in ((source.start, True), (source.end, False)):
            if bound is not None:
                at = pd.Timestamp(bound)
                at = at.tz_localize(zone) if zone is not None and at.tzinfo is None else at
                keep &= (times >= at).to_numpy() if after else (times <= at).to_numpy()
        return frame[keep]

    def _numeric_columns(self, table: Table) -> list[str]:
        """Every numeric column but time and target; needed where a feature says "all"."""
        spelt_out = any(
            isinstance(one, ColumnsFeature) and one.columns is None for one in self.config.features
        )
        if not spelt_out:
            return []
        left_out = {
            table.time,
            self.config.target.column if isinstance(self.config.target, ColumnTarget) else None,
        }
        numbers = table.frame.select_dtypes("number").columns
        return [str(name) for name in numbers if name not in left_out]

    def _check_rows(self, rows: int, where: str) -> None:
        if rows < max(self.config.min_rows, 1):
            raise DataError(
                f"{where}: {max(rows, 0)} rows are left after features and target; expected at "
                f"least data.min_rows = {self.config.min_rows}"
            )

    def _check_prices(self, frame: pd.DataFrame, features: Any, where: str) -> None:  # noqa: ANN401 - any kinds of feature
        names = prices_of(features)
        if not isinstance(self.config.target, ColumnTarget):
            names.append(self.config.target.column)
        for name in dict.fromkeys(names):
            wrong = frame[name] <= 0
            if wrong.any():
                row = int(np.argmax(wrong))
                raise DataError(
                    f"{where}: column {name!r}, row {row + 1} is {frame[name].iloc[row]:g}; "
                    "a return needs prices above 0"
                )

    def _cut(self, first: int, rows: int) -> tuple[slice, slice, slice]:
        """Training, validation, test; labels that reach over a border are purged before it."""
        split, ahead = self.config.split, horizon(self.config.target)
        usable = rows - first
        test = rows - round(usable * split.test)
        validation = test - round(usable * split.validation)
        if validation - ahead <= first:
            raise DataError(
                f"nothing is left to train on: {usable} rows, data.split.validation = "
                f"{split.validation:g}, data.split.test = {split.test:g}; make them smaller"
            )
        return (
            slice(first, validation - ahead),
            slice(validation, max(validation, test - ahead)),
            slice(test, max(test, rows - ahead)),
        )


def _describe(frame: pd.DataFrame, time: str | None, where: str) -> dict[str, Any]:
    known: dict[str, Any] = {"source": where, "rows": len(frame)}
    if time is not None and len(frame):
        known |= {"first": str(frame[time].iloc[0]), "last": str(frame[time].iloc[-1])}
    return known | {"columns": [str(name) for name in frame.columns]}


def _bars_per_year(times: Array | None) -> float | None:
    if times is None or len(times) < 2:  # noqa: PLR2004 - a span has two ends
        return None
    seconds = float((times[-1] - times[0]) / np.timedelta64(1, "s"))
    return (len(times) - 1) * SECONDS_A_YEAR / seconds if seconds > 0 else None
