"""Features and their scaling: fitted on the training part, the same ever after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import TypeAdapter

from training.config.data import Feature
from training.data.features import columns_of, compute, warm_up
from training.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from training.types import Array

_FEATURES: TypeAdapter[tuple[Feature, ...]] = TypeAdapter(tuple[Feature, ...])


class FeaturePipeline:
    """Turns rows of a source into inputs of a model.

    Attributes:
        columns: of the source that it needs.
        names: of the features, in the order of the inputs' columns.
        warm_up: rows at the front for which features are not known.
    """

    def __init__(self, features: Sequence[Feature], scaler: str, dtype: str) -> None:
        """Say which features; `fit` finds out how to scale them."""
        self.features = tuple(features)
        self.scaler = scaler
        self.dtype = dtype
        self.columns = columns_of(self.features)
        self.warm_up = max((warm_up(feature) for feature in self.features), default=0)
        self.names: tuple[str, ...] = ()
        self._center: Array = np.zeros(0)
        self._scale: Array = np.ones(0)

    def compute(self, frame: pd.DataFrame) -> Array:
        """Features as they are, float64, shape (rows, features), NaN in the warm-up.

        Raises:
            DataError: a column is missing, or two features have one name.
        """
        for name in self.columns:
            if name not in frame.columns:
                hint = did_you_mean(name, map(str, frame.columns))
                raise DataError(f"the model needs a column {name!r}; {hint}")
        found: dict[str, pd.Series[float]] = {}
        for feature in self.features:
            for name, column in compute(feature, frame).items():
                if name in found:
                    raise DataError(f"data.features makes {name!r} twice; leave one out")
                found[name] = column
        self.names = tuple(found)
        if not found:
            return np.empty((len(frame), 0))
        return np.column_stack([column.to_numpy(dtype="float64") for column in found.values()])

    def fit(self, values: Array) -> None:
        """Learn centre and scale of each feature from the training rows alone."""
        width = values.shape[1]
        center, scale = np.zeros(width), np.ones(width)
        if self.scaler == "standard":
            center, scale = values.mean(axis=0), values.std(axis=0)
        elif self.scaler == "minmax":
            center = values.min(axis=0)
            scale = values.max(axis=0) - center
        elif self.scaler == "robust":
            low, center, high = np.percentile(values, (25, 50, 75), axis=0)
            scale = high - low
        self._center = center
        self._scale = np.where(scale > 0, scale, 1.0)  # a constant column becomes 0, not infinite

    def scale(self, values: Array) -> Array:
        """Scaled, in the dtype of the model, row after row in memory."""
        scaled = (values - self._center) / self._scale
        return np.ascontiguousarray(scaled, dtype=self.dtype)

    def transform(self, frame: pd.DataFrame) -> Array:
        """Inputs for the rows after the warm-up, shape (rows - warm_up, features).

        Args:
            frame: the source's columns, oldest row first.
        """
        return self.scale(self.compute(frame)[self.warm_up :])

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

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The pipeline that `state_dict` told of; features are of a closed set of kinds."""
        features = _FEATURES.validate_python(state["features"])
        pipeline = cls(features, state["scaler"], state["dtype"])
        pipeline.names = tuple(state["names"])
        pipeline._center, pipeline._scale = state["center"], state["scale"]
        return pipeline
