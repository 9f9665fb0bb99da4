"""Losses against their formulas, written down in the plainest way."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.models.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CrossEntropy,
    SquaredError,
    to_predictions,
)

if TYPE_CHECKING:
    from training.types import Array, TaskKind

RANDOM = np.random.default_rng(3)
Z = RANDOM.normal(size=(5, 3))
WEIGHT = np.array([0.5, 2.0, 1.0, 0.0, 3.0])
LABELS = np.array([0.0, 2.0, 1.0, 1.0, 2.0])
ZEROS_AND_ONES = np.array([0.0, 1.0, 1.0, 1.0, 0.0])
weights = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "weighted"])


def mean(rows: Array, weight: Array | None) -> float:
    return float(np.average(rows, weights=weight))


@weights
@pytest.mark.parametrize("outputs", [1, 3])
def test_squared_error(outputs: int, weight: Array | None) -> None:
    z = np.ascontiguousarray(Z[:, :outputs])
    y = RANDOM.normal(size=(5, outputs))
    metrics = SquaredError(z)(y[:, 0] if outputs == 1 else y, weight)
    assert metrics == pytest.approx(
        {
            "loss": mean(((z - y) ** 2).mean(axis=1), weight),
            "mae": mean(np.abs(z - y).mean(axis=1), weight),
        },
        rel=1e-13,
    )


@weights
def test_binary_cross_entropy(weight: Array | None) -> None:
    z, y = np.ascontiguousarray(Z[:, :1]), ZEROS_AND_ONES
    probability = 1 / (1 + np.exp(-z[:, 0]))
    rows = -np.log(np.where(y == 1, probability, 1 - probability))
    metrics = BinaryCrossEntropy(z)(y, weight)
    right = ((probability > 0.5) == (y == 1)).astype(float)
    assert metrics == pytest.approx(
        {"loss": mean(rows, weight), "accuracy": mean(right, weight)}, rel=1e-13
    )
    assert 0 < metrics["accuracy"] < 1


@weights
def test_cross_entropy(weight: Array | None) -> None:
    probability = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    rows = -np.log(probability[np.arange(5), LABELS.astype(int)])
    metrics = CrossEntropy(Z)(LABELS, weight)
    right = (Z.argmax(axis=1) == LABELS).astype(float)
    assert metrics == pytest.approx(
        {"loss": mean(rows, weight), "accuracy": mean(right, weight)}, rel=1e-13
    )
    assert 0 < metrics["accuracy"] < 1


@pytest.mark.parametrize("task", LOSSES)
@weights
def test_the_gradient_is_that_of_the_loss(task: TaskKind, weight: Array | None) -> None:
    z = Z[:, :1].copy() if task == "binary" else Z.copy()
    y = {"binary": ZEROS_AND_ONES, "multiclass": LABELS, "regression": Z + 0.3}[task]
    loss = LOSSES[task](z)
    loss(y, weight)
    analytic, numeric = loss.delta.copy(), np.empty_like(z)
    for index in np.ndindex(*z.shape):
        sides = []
        for change in (1e-6, -2e-6):
            z[index] += change
            sides.append(loss(y, weight)["loss"])
        z[index] += 1e-6
        numeric[index] = (sides[0] - sides[1]) / 2e-6
    assert np.allclose(analytic, numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0, 1e4])
def test_cross_entropies_stay_exact_where_outputs_are_large(size: float) -> None:
    """In float32, against the same in exact arithmetic; both ways of being right or wrong."""
    for sign, label in ((1, 1.0), (1, 0.0), (-1, 1.0), (-1, 0.0)):
        z = np.array([[sign * size]], np.float32)
        right = float(z[0, 0]) if label else -float(z[0, 0])
        expected = math.log1p(math.exp(-right)) if right > -500 else -right
        slope = -1 / (1 + math.exp(right)) if right < 500 else 0.0
        binary = BinaryCrossEntropy(z)
        found = binary(np.array([label], np.float32), None)["loss"]
        assert found == pytest.approx(expected, rel=1e-6)
        assert binary.delta[0, 0] == pytest.approx(slope if label else -slope, rel=3e-6)


def test_softmax_does_not_overflow() -> None:
    z = np.array([[1e4, 0.0, -1e4]], np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert CrossEntropy(z)(np.array([0.0], np.float32), None) == {"loss": 0.0, "accuracy": 1.0}
        assert CrossEntropy(z)(np.array([2.0], np.float32), None)["loss"] == 2e4
        to_predictions(z, "multiclass")
    assert np.array_equal(z, [[1, 0, 0]])


@pytest.mark.parametrize("rows", [3, 7, 49, 1000])
def test_accuracy_is_one_exactly_when_all_are_right(rows: int) -> None:
    y = np.ones(rows, np.float32)
    weight = np.random.default_rng(rows).uniform(0.1, 1, rows).astype(np.float32)
    for given in (None, weight):
        assert BinaryCrossEntropy(np.ones((rows, 1), np.float32))(y, given)["accuracy"] == 1.0


def test_a_row_without_weight_does_not_count() -> None:
    weight = np.array([1.0, 1.0, 0.0])
    for task, loss in LOSSES.items():
        z = Z[:3, :1].copy() if task == "binary" else Z[:3].copy()
        y = Z[:3] * 2 if task == "regression" else np.array([0.0, 1.0, 1.0])
        whole = loss(z)
        part = loss(z[:2].copy())
        assert whole(y, weight) == pytest.approx(part(y[:2], None), rel=1e-14)
        assert np.allclose(whole.delta[:2], part.delta, rtol=1e-14)
        assert not whole.delta[2].any()


def test_probabilities_are_those_of_the_formulas() -> None:
    one, several, values = Z[:, :1].copy(), Z.copy(), Z.copy()
    to_predictions(one, "binary")
    to_predictions(several, "multiclass")
    to_predictions(values, "regression")
    assert np.allclose(one, 1 / (1 + np.exp(-Z[:, :1])), rtol=1e-15)
    assert np.allclose(several, np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True), rtol=1e-15)
    assert np.array_equal(values, Z)
