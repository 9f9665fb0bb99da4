"""Losses with their metrics and gradients, each in one pass over a batch's outputs.

A loss is made for the array `z` that a network writes its outputs into, and owns the memory that it
works in. Called with targets it returns metrics, which are means over the rows (weighted where the
batch has weights), and leaves in `delta` the derivative of the mean loss by `z`. Numbers that
overflow become infinities or NaN, which are returned as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from training.errors import DataError
from training.models.checks import foreign_labels

if TYPE_CHECKING:
    from training.types import Array, TaskKind


class Loss(Protocol):
    """A loss of outputs `z`.

    Attributes:
        delta: derivative of the mean loss by `z`, shape (rows, outputs), after a call.
    """

    delta: Array

    def __call__(self, y: Array, weight: Array | None) -> dict[str, float]:
        """The metrics of `z` against targets, shape (rows,) or (rows, outputs) as `z` has."""
        ...


class SquaredError:
    """Mean squared error over rows and outputs, with the mean absolute error as `mae`."""

    def __init__(self, z: Array) -> None:
        """Measure outputs of shape (rows, outputs)."""
        self.delta: Array = np.empty_like(z)
        self._outputs = z.shape[1]
        self._shares = _Shares(z)
        self._even_scale: Array = np.full(z.size, 2 / z.size, z.dtype)
        self._scale: Array = np.empty_like(z)
        self._difference: Array = np.empty_like(z)
        self._flat_delta, self._flat_difference = self.delta.ravel(), self._difference.ravel()
        one = z.shape[1] == 1
        # One output is compared as (rows,), which is how the targets come.
        self._compared = (z.ravel(), self._flat_difference) if one else (z, self._difference)

    def __call__(self, y: Array, weight: Array | None) -> dict[str, float]:
        """`loss` and `mae`; the loss is half the gradient times the difference."""
        compared, difference = self._compared
        np.subtract(compared, y, difference)
        scale = self._even_scale if weight is None else self._scale_by(weight)
        flat, delta = self._flat_difference, self._flat_delta
        np.multiply(flat, scale, delta)
        loss = float(delta.dot(flat)) / 2
        np.absolute(flat, flat)
        return {"loss": loss, "mae": float(scale.dot(flat)) / 2}

    def _scale_by(self, weight: Array) -> Array:
        column = self._shares.of(weight)[:, None]
        np.multiply(column, 2 / self._outputs, self._scale)
        return self._scale.ravel()


class BinaryCrossEntropy:
    """Cross-entropy of one output, the log-odds of class 1; targets are 0 and 1.

    With t = z for class 1 and -z for class 0, a row's loss is log(1 + exp(-t)) and its derivative
    by t is exp(-loss) - 1: both stay exact where z is large, and cannot overflow.
    """

    def __init__(self, z: Array) -> None:
        """Measure outputs of shape (rows, 1)."""
        self.delta: Array = np.empty_like(z)
        self._z, self._flat_delta = z.ravel(), self.delta.ravel()
        self._shares = _Shares(z)
        self._direction, self._losses = np.empty_like(self._z), np.empty_like(self._z)
        self._is_one, self._says_one = np.empty(len(z), np.bool_), np.empty(len(z), np.bool_)
        self._zero, self._one, self._two = (np.array(value, z.dtype) for value in (0, 1, 2))

    def __call__(self, y: Array, weight: Array | None) -> dict[str, float]:
        """`loss` and `accuracy`; class 1 is predicted where z > 0.

        Raises:
            DataError: a target is neither 0 nor 1.
        """
        z, direction, losses, correct = self._z, self._direction, self._losses, self._says_one
        np.equal(y, self._one, self._is_one)
        if np.count_nonzero(self._is_one) != np.count_nonzero(y):
            raise DataError(foreign_labels(y, 2))
        np.multiply(y, self._two, direction)
        np.subtract(direction, self._one, direction)
        np.multiply(z, direction, losses)
        np.negative(losses, losses)
        np.logaddexp(self._zero, losses, losses)
        share = self._shares.of(weight)
        loss = float(losses.dot(share))
        np.negative(losses, losses)
        np.expm1(losses, losses)
        np.multiply(losses, direction, losses)
        np.multiply(losses, share, self._flat_delta)
        np.greater(z, self._zero, correct)
        np.equal(correct, self._is_one, correct)
        return {"loss": loss, "accuracy": self._shares.accuracy(correct, weight)}


class CrossEntropy:
    """Cross-entropy of the softmax over several outputs; targets are 0 to outputs - 1."""

    def __init__(self, z: Array) -> None:
        """Measure outputs of shape (rows, outputs)."""
        rows, outputs = z.shape
        self.delta: Array = np.empty_like(z)
        self._z = z
        self._shares = _Shares(z)
        self._shifted, self._work = np.empty_like(z), np.empty_like(z)
        self._classes, self._each = np.arange(outputs, dtype=z.dtype), np.ones(outputs, z.dtype)
        self._is_class = np.empty((rows, outputs), np.bool_)
        self._peak, self._total = np.empty((rows, 1), z.dtype), np.empty((rows, 1), z.dtype)
        self._losses, self._picked = np.empty(rows, z.dtype), np.empty(rows, z.dtype)
        self._said, self._correct = np.empty(rows, np.intp), np.empty(rows, np.bool_)

    def __call__(self, y: Array, weight: Array | None) -> dict[str, float]:
        """`loss` and `accuracy`; the class of the largest output is predicted.

        Raises:
            DataError: a target is not the number of a class.
        """
        shifted, delta, losses = self._shifted, self.delta, self._losses
        np.equal(y[:, None], self._classes, self._is_class)
        if np.count_nonzero(self._is_class) != len(y):
            raise DataError(foreign_labels(y, len(self._classes)))
        np.maximum.reduce(self._z, 1, None, self._peak, keepdims=True)
        np.subtract(self._z, self._peak, shifted)
        np.exp(shifted, delta)
        delta.dot(self._each, self._total[:, 0])
        np.log(self._total[:, 0], losses)
        np.multiply(shifted, self._is_class, self._work)
        np.subtract(losses, self._work.dot(self._each, self._picked), losses)
        share = self._shares.of(weight)
        np.divide(delta, self._total, delta)
        np.subtract(delta, self._is_class, delta)
        np.multiply(delta, share[:, None], delta)
        np.equal(self._z.argmax(1, self._said), y, self._correct)
        accuracy = self._shares.accuracy(self._correct, weight)
        return {"loss": float(losses.dot(share)), "accuracy": accuracy}


class _Shares:
    """How much each row counts in a mean."""

    def __init__(self, z: Array) -> None:
        self._even: Array = np.full(len(z), 1 / len(z), z.dtype)
        self._ones: Array = np.ones(len(z), z.dtype)
        self._weighted: Array = np.empty(len(z), z.dtype)

    def of(self, weight: Array | None) -> Array:
        """Shares with the sum 1, shape (rows,); weights have been checked to have one above 0."""
        if weight is None:
            return self._even
        total = float(weight.dot(self._ones))
        return np.divide(weight, total, self._weighted)

    def accuracy(self, correct: Array, weight: Array | None) -> float:
        """The share of rows that are right; exactly 1.0 when all are."""
        if weight is None:
            return int(np.count_nonzero(correct)) / len(correct)
        return float(weight.dot(correct.astype(weight.dtype)) / weight.dot(self._ones))


LOSSES: dict[TaskKind, type[SquaredError | BinaryCrossEntropy | CrossEntropy]] = {
    "regression": SquaredError,
    "binary": BinaryCrossEntropy,
    "multiclass": CrossEntropy,
}


def to_predictions(z: Array, task: TaskKind) -> None:
    """Turn outputs into what is predicted, in place: probabilities, or values as they are."""
    if task == "binary":
        np.negative(z, z)
        np.exp(z, z)
        np.add(z, 1, z)
        np.reciprocal(z, z)
    elif task == "multiclass":
        np.subtract(z, z.max(axis=1, keepdims=True), z)
        np.exp(z, z)
        np.divide(z, z.sum(axis=1, keepdims=True), z)
