"""Scaling of features: one fixed reduction, in memory and from disk alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.types import Array

ScalerName = Literal["standard", "minmax", "robust", "none"]
BLOCK = 4_096
CHUNK = 65_536
"""Rows whose sums are added to each other: part of what a mean is, to the last bit."""


class Scaler:
    """Centre and scale of each feature.

    Attributes:
        kind: which.
        center: subtracted, shape (features,).
        scale: divided by then, above 0, shape (features,).
    """

    def __init__(self, kind: ScalerName, features: int) -> None:
        """Change nothing before `fit`."""
        self.kind = kind
        self.center = np.zeros(features)
        self.scale = np.ones(features)

    def fit(self, values: Array) -> None:
        """Learn from the rows of the training part.

        Args:
            values: float64, shape (rows, features), in memory or mapped; read in chunks.
        """
        if self.kind == "standard":
            self.center = _mean(values, lambda chunk: chunk)
            scale = np.sqrt(_mean(values, lambda chunk: np.square(chunk - self.center)))
        elif self.kind == "minmax":
            self.center = np.min([chunk.min(axis=0) for chunk in _chunks(values)], axis=0)
            scale = np.max([chunk.max(axis=0) for chunk in _chunks(values)], axis=0) - self.center
        elif self.kind == "robust":
            points = [np.percentile(values[:, at], (25, 50, 75)) for at in range(values.shape[1])]
            low, self.center, high = np.transpose(points)
            scale = high - low
        else:
            return
        self.scale = np.where(scale > 0, scale, 1.0)  # what never varies becomes 0, not infinite

    def apply(self, values: Array, dtype: str = "float64") -> Array:
        """Scaled, in a new C-contiguous array; infinite where a value is too large for it."""
        scaled = np.empty(values.shape, dtype)
        with np.errstate(over="ignore"):
            for at in range(0, len(values), BLOCK):  # blocks that stay in the processor's cache
                rows = slice(at, at + BLOCK)
                scaled[rows] = (values[rows] - self.center) / self.scale
        return scaled

    def invert(self, scaled: Array) -> Array:
        """From scaled values to those before, float64; equal up to the rounding of `dtype`."""
        values: Array = np.asarray(scaled, dtype="float64") * self.scale + self.center
        return values


def _chunks(values: Array) -> Iterator[Array]:
    for at in range(0, len(values), CHUNK):
        yield values[at : at + CHUNK]


def _mean(values: Array, of: Callable[[Array], Array]) -> Array:
    total = np.zeros(values.shape[1])
    for chunk in _chunks(values):
        total += of(chunk).sum(axis=0)
    return total / len(values)
