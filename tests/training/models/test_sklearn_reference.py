"""The NumPy models against scikit-learn: where they end, and step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from training.config import (
    AdamConfig,
    LinearConfig,
    LogisticConfig,
    MlpConfig,
    SgdConfig,
    TrainingConfig,
)
from training.models import Model, ModelFactory
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from training.types import Array, TaskKind

DESCENT = TrainingConfig(optimizer=SgdConfig(learning_rate=0.3, momentum=0.9))


def rows(task: TaskKind, outputs: int, count: int = 60, dtype: str = "float64") -> Batch:
    random = np.random.default_rng(5)
    x = random.normal(size=(count, 4))
    scores = x @ random.normal(size=(4, max(2, outputs))) + random.normal(size=(count, 1))
    noisy = scores + random.normal(size=scores.shape)
    targets: dict[str, Array] = {
        "regression": noisy[:, :outputs] if outputs > 1 else noisy[:, 0],
        "binary": (noisy[:, 0] > 0).astype(float),
        "multiclass": noisy.argmax(axis=1).astype(float),
    }
    return Batch(x.astype(dtype), np.ascontiguousarray(targets[task].astype(dtype)))


def descended(model: Model, batch: Batch, steps: int = 1500) -> dict[str, Array]:
    for _ in range(steps):
        model.train_on_batch(batch)
    weights: dict[str, Array] = model.state_dict()["weights"]
    return weights


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_linear_regression_ends_at_the_closed_form(outputs: int, weighted: bool) -> None:
    batch = rows("regression", outputs)
    weight = np.random.default_rng(1).uniform(0.2, 2, 60) if weighted else None
    spec = ModelSpec(4, outputs, "regression", dtype="float64")
    model = ModelFactory().get_model(LinearConfig(), spec, DESCENT)
    found = descended(model, Batch(batch.x, batch.y, weight))
    expected = LinearRegression().fit(batch.x, batch.y, sample_weight=weight)
    assert np.allclose(found["layer0.weight"].T, np.atleast_2d(expected.coef_), rtol=1e-9)
    assert np.allclose(found["layer0.bias"], expected.intercept_, rtol=1e-9)
    assert np.allclose(model.predict(batch.x), expected.predict(batch.x), rtol=1e-8)


@pytest.mark.parametrize(("task", "outputs"), [("binary", 1), ("multiclass", 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_logistic_regression_ends_at_the_optimum(
    task: TaskKind, outputs: int, weighted: bool
) -> None:
    batch = rows(task, outputs)
    weight = np.random.default_rng(1).uniform(0.2, 2, 60) if weighted else None
    spec = ModelSpec(4, outputs, task, dtype="float64")
    model = ModelFactory().get_model(LogisticConfig(), spec, DESCENT)
    descended(model, Batch(batch.x, batch.y, weight), steps=4000)
    expected = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    probabilities = expected.fit(batch.x, batch.y, sample_weight=weight).predict_proba(batch.x)
    found = model.predict(batch.x)
    assert np.allclose(found, probabilities if outputs > 1 else probabilities[:, 1], atol=1e-6)
    accuracy = model.evaluate_on_batch(batch)["accuracy"]
    assert accuracy == pytest.approx(expected.score(batch.x, batch.y))
    assert 0.6 < accuracy < 1


def reference(
    task: TaskKind,
    solver: str,
    activation: str,
    state: dict[str, Array],
    batch: Batch,
) -> Any:  # noqa: ANN401 - one of two estimators of scikit-learn
    """A perceptron of scikit-learn with the weights of `state` and no memory yet."""
    kind = MLPRegressor if task == "regression" else MLPClassifier
    # The squared error of scikit-learn is half of ours, and so is its gradient.
    rate = 0.04 if task == "regression" and solver == "sgd" else 0.02
    estimator = kind(
        hidden_layer_sizes=(7, 5), activation=activation, solver=solver, alpha=0, shuffle=False,
        learning_rate_init=rate, momentum=0.9, nesterovs_momentum=False, epsilon=1e-30,
        batch_size=len(batch.x), random_state=0,
    )  # fmt: skip
    step(estimator, batch)
    for index in range(3):
        estimator.coefs_[index][:] = state[f"layer{index}.weight"]
        estimator.intercepts_[index][:] = state[f"layer{index}.bias"]
    del estimator._optimizer
    return estimator


def step(estimator: Any, batch: Batch) -> None:  # noqa: ANN401 - an estimator of scikit-learn
    if isinstance(estimator, MLPClassifier):
        estimator.partial_fit(batch.x, batch.y, classes=np.unique(batch.y))
    else:
        estimator.partial_fit(batch.x, batch.y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize(("task", "outputs"), [("regression", 1), ("binary", 1), ("multiclass", 3)])
def test_a_perceptron_takes_the_same_steps(
    task: TaskKind,
    outputs: int,
    solver: str,
    activation: Literal["relu", "tanh"],
    dtype: Literal["float32", "float64"],
) -> None:
    batch = rows(task, outputs, 20, dtype)
    optimizer = (
        SgdConfig(learning_rate=0.02, momentum=0.9)
        if solver == "sgd"
        else AdamConfig(learning_rate=0.02, epsilon=1e-30)
    )
    model = ModelFactory().get_model(
        MlpConfig(hidden=(7, 5), activation=activation),
        ModelSpec(4, outputs, task, dtype=dtype, seed=3),
        TrainingConfig(optimizer=optimizer),
    )
    expected = reference(task, solver, activation, model.state_dict()["weights"], batch)
    for _ in range(15):
        loss = model.train_on_batch(batch)["loss"]
        step(expected, batch)
        share = 0.5 if task == "regression" else 1.0
        assert loss * share == pytest.approx(
            expected.loss_, rel=1e-4 if dtype == "float32" else 1e-10
        )
    found = model.state_dict()["weights"]
    rtol, atol = (2e-3, 2e-4) if dtype == "float32" else (1e-8, 1e-10)
    for index in range(3):
        assert np.allclose(found[f"layer{index}.weight"], expected.coefs_[index], rtol, atol)
        assert np.allclose(found[f"layer{index}.bias"], expected.intercepts_[index], rtol, atol)
