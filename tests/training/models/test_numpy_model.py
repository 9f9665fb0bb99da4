"""The network as a whole: its gradients, numbers that overflow, and what a step allocates."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from training.config import AdamConfig, LinearConfig, MlpConfig, ModelConfig, SgdConfig
from training.config.training import TrainingConfig
from training.models import ModelFactory
from training.models.numpy_model import NumpyModel
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import TaskKind

    MakeBatch = Callable[..., Batch]

PLAIN = TrainingConfig(optimizer=SgdConfig(learning_rate=1.0))


def build(config: ModelConfig, spec: ModelSpec, training: TrainingConfig = PLAIN) -> NumpyModel:
    model = ModelFactory().get_model(config, spec, training)
    assert isinstance(model, NumpyModel)
    return model


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
@pytest.mark.parametrize(
    ("task", "outputs"), [("regression", 1), ("regression", 2), ("binary", 1), ("multiclass", 3)]
)
def test_a_step_goes_along_the_gradient(
    task: TaskKind,
    outputs: int,
    hidden: tuple[int, ...],
    activation: Literal["relu", "tanh"],
    weighted: bool,
    make_batch: MakeBatch,
) -> None:
    """With rate 1 a step of plain SGD is the gradient: against central differences, in float64."""
    spec = ModelSpec(4, outputs, task, dtype="float64")
    model = build(MlpConfig(hidden=hidden, activation=activation), spec)
    batch = make_batch(spec, rows=9, weighted=weighted)
    start = model.state_dict()["weights"]
    for weight in start.values():  # away from the kink of a relu whose inputs are all 0
        np.add(weight, np.random.default_rng(1).uniform(0.05, 0.2, weight.shape), weight)
    model.load_state_dict({"weights": start})
    model.train_on_batch(batch)
    end = model.state_dict()["weights"]
    for name, weight in start.items():
        for index in np.ndindex(*weight.shape):
            sides, kept = [], weight[index]
            for change in (1e-6, -1e-6):
                weight[index] = kept + change
                model.load_state_dict({"weights": start})
                sides.append(model.evaluate_on_batch(batch)["loss"])
            weight[index] = kept
            numeric = (sides[0] - sides[1]) / 2e-6
            assert kept - end[name][index] == pytest.approx(numeric, rel=1e-5, abs=1e-8), name


def test_numbers_that_overflow_are_returned_as_they_are(make_batch: MakeBatch) -> None:
    """Without a warning: what a diverged loss means is for callbacks to say."""
    spec = ModelSpec(4)
    fast = TrainingConfig(optimizer=SgdConfig(learning_rate=1e18, momentum=0.9, weight_decay=1e3))
    model = build(MlpConfig(hidden=(8,)), spec, fast)
    losses = [model.train_on_batch(make_batch(spec))["loss"] for _ in range(12)]
    assert np.isfinite(losses[0])
    assert not np.isfinite(losses[-1])
    assert not np.isfinite(model.evaluate_on_batch(make_batch(spec))["loss"])
    assert not np.isfinite(model.predict(make_batch(spec).x)).all()


def test_weights_that_overflow_are_measured_without_a_warning(make_batch: MakeBatch) -> None:
    spec = ModelSpec(4)
    model, batch = build(MlpConfig(hidden=(8,)), spec), make_batch(spec)
    weights = model.state_dict()["weights"]
    weights["layer0.weight"] *= 1e38
    model.load_state_dict({"weights": weights})
    batch = Batch(batch.x * 1e10, batch.y)
    assert not np.isfinite(model.evaluate_on_batch(batch)["loss"])
    assert not np.isfinite(model.predict(batch.x)).all()


@pytest.mark.parametrize(("task", "outputs"), [("regression", 1), ("binary", 1), ("multiclass", 3)])
def test_a_missing_input_is_not_hidden(task: TaskKind, outputs: int, make_batch: MakeBatch) -> None:
    spec = ModelSpec(4, outputs, task)
    batch = make_batch(spec)
    batch.x[0, 0] = np.nan
    model = build(MlpConfig(hidden=(8,)), spec, TrainingConfig(optimizer=AdamConfig(), clip_norm=1))
    assert np.isnan(model.train_on_batch(batch)["loss"])
    assert np.isnan(model.state_dict()["weights"]["layer1.bias"]).all()


def test_the_loss_leaves_weight_decay_out(make_batch: MakeBatch) -> None:
    spec = ModelSpec(4)
    heavy = TrainingConfig(optimizer=SgdConfig(weight_decay=100.0))
    decayed, plain = build(LinearConfig(), spec, heavy), build(LinearConfig(), spec)
    assert decayed.train_on_batch(make_batch(spec)) == plain.train_on_batch(make_batch(spec))


def test_the_learning_rate_is_that_of_the_next_step(make_batch: MakeBatch) -> None:
    spec = ModelSpec(4, epochs=2, batches_per_epoch=2)
    training = TrainingConfig.model_validate(
        {
            "optimizer": {"type": "sgd", "learning_rate": 0.5},
            "schedule": {"type": "exponential", "gamma": 0.1, "warmup_steps": 2},
        }
    )
    model, rates = build(LinearConfig(), spec, training), []
    for seed in range(4):
        batch, before = make_batch(spec, seed=seed), model.state_dict()["weights"]
        rates.append(model.learning_rate)
        model.train_on_batch(batch)
        whole = build(LinearConfig(), spec)  # its rate is 1
        whole.load_state_dict({"weights": before})
        whole.train_on_batch(batch)
        for name, weight in model.state_dict()["weights"].items():
            gradient = before[name] - whole.state_dict()["weights"][name]
            assert np.allclose(before[name] - weight, rates[-1] * gradient, atol=1e-6)
    assert rates == pytest.approx([0.25, 0.5, 0.05, 0.05])
    resumed = build(LinearConfig(), spec, training)
    resumed.load_state_dict(model.state_dict())
    assert resumed.learning_rate == model.learning_rate == pytest.approx(0.005)


def test_a_step_allocates_no_arrays() -> None:
    spec = ModelSpec(32)
    model = build(MlpConfig(hidden=(256,)), spec, TrainingConfig(clip_norm=1.0))
    random = np.random.default_rng(0)
    batch = Batch(
        random.normal(size=(128, 32)).astype(np.float32),
        random.normal(size=128).astype(np.float32),
        np.ones(128, np.float32),
    )
    for _ in range(2):
        model.train_on_batch(batch)
    tracemalloc.start()
    model.train_on_batch(batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 65_536, "NumPy's buffers for casts; an array of the hidden layer has 131072"


def test_batches_of_many_sizes_keep_little_memory() -> None:
    spec = ModelSpec(4)
    model = build(LinearConfig(), spec)
    for rows in range(1, 60):
        model.evaluate_on_batch(Batch(np.ones((rows, 4), np.float32), np.ones(rows, np.float32)))
    assert len(model._workspaces) <= 8
