"""Features and their scaling: fitted on the training part, the same ever after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from training.data.checks import as_numbers, check_missing
from training.data.features import recipe
from training.data.findings import Findings
from training.data.sources import Rows
from training.data.state import PipelineState
from training.errors import DataError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from training.config.data import Feature
    from training.data.state import Precision, Scaler
    from training.types import Array

SHOWN_ROWS = 10


class FeaturePipeline:
    """Turns rows of a source into inputs of a model.

    Attributes:
        names: of the features, in the order of the inputs' columns.
        columns: of the source that features are made of.
        prices: those among them that must be above 0.
        warm_up: rows at the front for which features are not known.
    """

    def __init__(self, features: Sequence[Feature], scaler: Scaler, dtype: Precision) -> None:
        """Say which features; `fit` finds out how to scale them.

        Raises:
            DataError: two features of one name, or none at all.
        """
        self.features = tuple(features)
        self.scaler = scaler
        self.dtype = dtype
        self._recipes = [recipe(feature) for feature in self.features]
        self.names = tuple(name for one in self._recipes for name in one.names)
        self.columns = _unique(one.columns for one in self._recipes)
        self.prices = _unique(one.columns for one in self._recipes if one.needs_prices)
        self.warm_up = max((one.warm_up for one in self._recipes), default=0)
        self._center = np.zeros(len(self.names))
        self._scale = np.ones(len(self.names))
        double = [name for name in dict.fromkeys(self.names) if self.names.count(name) > 1]
        if double:
            raise DataError(f"data.features makes {double[0]!r} twice; leave one out")
        if not self.names:
            raise DataError("data.features makes no column; name at least one feature")

    def sees_row_of(self, column: str) -> bool:
        """Whether a row's features are made of that same row's value of a column."""
        return any(column in one.columns and one.sees_row for one in self._recipes)

    def compute(self, frame: pd.DataFrame) -> Array:
        """Features as they are, float64, shape (rows, features), NaN in the warm-up.

        Args:
            frame: the source's columns as numbers, oldest row first.
        """
        source = {
            name: np.ascontiguousarray(frame[name].to_numpy(dtype="float64"))
            for name in self.columns
        }
        return np.column_stack([column for one in self._recipes for column in one.compute(source)])

    def fit(self, values: Array) -> None:
        """Learn centre and scale of each feature.

        Args:
            values: what `compute` gave for the rows of the training part, and for no other.
        """
        if self.scaler == "standard":
            self._center, scale = values.mean(axis=0), values.std(axis=0)
        elif self.scaler == "minmax":
            self._center, scale = values.min(axis=0), np.ptp(values, axis=0)
        elif self.scaler == "robust":
            low, self._center, high = np.percentile(values, (25, 50, 75), axis=0)
            scale = high - low
        else:
            return
        self._scale = np.where(scale > 0, scale, 1.0)  # what never varies becomes 0, not infinite

    def scale(self, values: Array) -> Array:
        """Scaled, in the dtype of the model, row after row in memory; infinite if too large."""
        scaled = (values - self._center) / self._scale
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(scaled, dtype=self.dtype)

    def transform(self, frame: pd.DataFrame) -> Array:
        """Inputs for the rows after the warm-up, shape (rows - warm_up, features).

        Args:
            frame: the source's columns, oldest row first.

        Raises:
            DataError: with all that is wrong with the rows.
        """
        rows = Rows(frame.reset_index(drop=True), "the rows to score")
        findings = Findings(rows, SHOWN_ROWS)
        numbers = as_numbers(rows.frame, self.columns, self.prices, findings)
        check_missing(numbers, self.columns, findings, "the model needs a number there")
        if len(frame) <= self.warm_up:
            findings.add(
                f"{len(frame)} rows; the first prediction is for row {self.warm_up + 1}, since "
                "features look back: give earlier rows too"
            )
        findings.raise_any()
        return self.scale(self.compute(numbers.frame)[self.warm_up :])

    def state_dict(self) -> dict[str, Any]:
        """All that scoring needs, in plain values and arrays."""
        return {
            "features": [feature.model_dump(mode="json") for feature in self.features],
            "scaler": self.scaler,
            "dtype": self.dtype,
            "names": list(self.names),
            "center": self._center.copy(),
            "scale": self._scale.copy(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over centre and scale of a pipeline with the same features.

        Raises:
            IntegrityError: the state is that of another one, or damaged.
        """
        stored = PipelineState.read(state)
        shape = (len(self.names),)
        if stored.names != self.names or not stored.center.shape == stored.scale.shape == shape:
            raise IntegrityError(
                f"the stored state scales {', '.join(stored.names)} with {stored.center.shape} "
                f"values, but this pipeline makes {', '.join(self.names)}"
            )
        self._center, self._scale = stored.center, stored.scale

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The pipeline that `state_dict` told of; features are of a closed set of kinds.

        Raises:
            IntegrityError: the state is damaged, or of features that there are none of.
        """
        stored = PipelineState.read(state)
        pipeline = cls(stored.features, stored.scaler, stored.dtype)
        pipeline.load_state_dict(state)
        return pipeline


def _unique(groups: Any) -> tuple[str, ...]:  # noqa: ANN401 - any iterables of names
    return tuple(dict.fromkeys(name for group in groups for name in group))
