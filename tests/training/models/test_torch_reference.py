"""The NumPy models against torch, whose semantics their optimizers follow: step by step."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from training.config import AdamConfig, MlpConfig, SgdConfig, TrainingConfig
from training.config.training import CosineSchedule, ExponentialSchedule, StepSchedule
from training.models import Model, ModelFactory
from training.models.schedules import LearningRate
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from training.config.training import Optimizer
    from training.types import Array, TaskKind

torch = pytest.importorskip("torch", reason="torch is the reference here; it is an extra")

SGD = SgdConfig(learning_rate=0.05)
ADAM = AdamConfig(learning_rate=0.01)
CASES = {
    "sgd": (SGD, None),
    "sgd, momentum": (SGD.model_copy(update={"momentum": 0.9}), None),
    "sgd, momentum, decay": (SGD.model_copy(update={"momentum": 0.9, "weight_decay": 0.1}), None),
    "sgd, clipped": (SGD.model_copy(update={"momentum": 0.9, "weight_decay": 0.1}), 0.3),
    "adam": (ADAM, None),
    "adam, epsilon": (ADAM.model_copy(update={"epsilon": 0.01, "beta1": 0.5}), None),
    "adam, decay": (ADAM.model_copy(update={"weight_decay": 0.1}), None),
    "adam, decay, clipped": (ADAM.model_copy(update={"weight_decay": 0.1}), 0.3),
    "adamw": (ADAM.model_copy(update={"weight_decay": 0.1, "decoupled": True}), None),
    "adamw, clipped": (ADAM.model_copy(update={"weight_decay": 0.1, "decoupled": True}), 0.3),
}
LOSSES = {
    "regression": torch.nn.MSELoss(reduction="none"),
    "binary": torch.nn.BCEWithLogitsLoss(reduction="none"),
    "multiclass": torch.nn.CrossEntropyLoss(reduction="none"),
}


def rows(spec: ModelSpec, step: int) -> Batch:
    """Sizes change, and every third batch is weighted."""
    random = np.random.default_rng(step)
    count = 5 + step % 3
    x = random.normal(size=(count, spec.inputs)).astype(spec.dtype)
    targets: dict[str, Array] = {
        "regression": random.normal(size=(count, spec.outputs)),
        "binary": random.integers(0, 2, count),
        "multiclass": random.integers(0, spec.outputs, count),
    }
    y = np.ascontiguousarray(targets[spec.task].squeeze().astype(spec.dtype))
    weight = random.uniform(0.1, 2, count).astype(spec.dtype) if step % 3 == 2 else None
    return Batch(x, y, weight)


class TorchNetwork:
    """The same network, loss, clipping and optimizer in torch."""

    def __init__(self, model: Model, spec: ModelSpec, training: TrainingConfig, name: str) -> None:
        activation = torch.nn.ReLU if name == "relu" else torch.nn.Tanh
        widths = (spec.inputs, 6, 5, spec.outputs)
        self.layers = [
            torch.nn.Linear(a, b, dtype=getattr(torch, spec.dtype)) for a, b in pairwise(widths)
        ]
        self.net = torch.nn.Sequential(
            self.layers[0], activation(), self.layers[1], activation(), self.layers[2]
        )
        weights = model.state_dict()["weights"]
        with torch.no_grad():
            for index, layer in enumerate(self.layers):
                layer.weight.copy_(torch.from_numpy(weights[f"layer{index}.weight"]).T)
                layer.bias.copy_(torch.from_numpy(weights[f"layer{index}.bias"]))
        self.task, self.clip_norm = spec.task, training.clip_norm
        self.optimizer = self._optimizer(training.optimizer)

    def _optimizer(self, config: Optimizer) -> Any:  # noqa: ANN401 - torch has no types here
        assert isinstance(config, SgdConfig | AdamConfig)
        shared = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
        if isinstance(config, SgdConfig):
            return torch.optim.SGD(self.net.parameters(), momentum=config.momentum, **shared)
        kind = torch.optim.AdamW if config.decoupled else torch.optim.Adam
        betas = (config.beta1, config.beta2)
        return kind(self.net.parameters(), betas=betas, eps=config.epsilon, **shared)

    def train_on_batch(self, batch: Batch) -> float:
        z, y = self.net(torch.from_numpy(batch.x)), torch.from_numpy(batch.y)
        y = y.long() if self.task == "multiclass" else y.reshape(z.shape)
        losses = LOSSES[self.task](z, y).reshape(len(batch.x), -1).mean(dim=1)
        weight = torch.ones_like(losses) if batch.weight is None else torch.from_numpy(batch.weight)
        loss = (losses * weight).sum() / weight.sum()
        self.optimizer.zero_grad()
        loss.backward()
        if self.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.clip_norm)
        self.optimizer.step()
        return float(loss.detach())


def assert_same_trajectory(
    spec: ModelSpec, training: TrainingConfig, name: Literal["relu", "tanh"]
) -> None:
    model = ModelFactory().get_model(MlpConfig(hidden=(6, 5), activation=name), spec, training)
    reference = TorchNetwork(model, spec, training, name)
    close = 1e-10 if spec.dtype == "float64" else 1e-3
    for step in range(30):
        batch = rows(spec, step)
        expected = reference.train_on_batch(batch)
        assert model.train_on_batch(batch)["loss"] == pytest.approx(expected, rel=close), step
    weights = model.state_dict()["weights"]
    for index, layer in enumerate(reference.layers):
        for found, tensor in (("weight", layer.weight.T), ("bias", layer.bias)):
            array = weights[f"layer{index}.{found}"]
            assert np.allclose(array, tensor.detach().numpy(), rtol=close, atol=close / 100)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_optimizers(case: str, dtype: Literal["float32", "float64"]) -> None:
    optimizer, clip_norm = CASES[case]
    training = TrainingConfig(optimizer=optimizer, clip_norm=clip_norm)
    assert_same_trajectory(ModelSpec(4, dtype=dtype, seed=2), training, "tanh")


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    ("task", "outputs"), [("regression", 1), ("regression", 3), ("binary", 1), ("multiclass", 3)]
)
def test_tasks(task: TaskKind, outputs: int, activation: Literal["relu", "tanh"]) -> None:
    spec = ModelSpec(4, outputs, task, dtype="float64", seed=2)
    assert_same_trajectory(spec, TrainingConfig(optimizer=ADAM, clip_norm=1.0), activation)


def test_moments_are_those_of_torch_but_for_a_factor() -> None:
    spec = ModelSpec(4, dtype="float64")
    training = TrainingConfig(optimizer=ADAM)
    model = ModelFactory().get_model(MlpConfig(hidden=(6, 5)), spec, training)
    reference = TorchNetwork(model, spec, training, "relu")
    for step in range(5):
        model.train_on_batch(rows(spec, step))
        reference.train_on_batch(rows(spec, step))
    moments = reference.optimizer.state[reference.layers[0].weight]
    size = 4 * 6
    for ours, theirs, beta in (
        ("first_moment", "exp_avg", 0.9),
        ("second_moment", "exp_avg_sq", 0.999),
    ):
        found = model.state_dict()["optimizer"][ours][:size].reshape(4, 6)
        assert np.allclose(found * (1 - beta), moments[theirs].T.numpy(), rtol=1e-10)


@pytest.mark.parametrize("kind", ["step", "exponential", "cosine"])
def test_schedules(kind: str) -> None:
    """Per epoch: StepLR and ExponentialLR; per step: CosineAnnealingLR."""
    spec = ModelSpec(1, epochs=6, batches_per_epoch=3)
    schedule, per_step = {
        "step": (StepSchedule(every_n_epochs=2, gamma=0.3), False),
        "exponential": (ExponentialSchedule(gamma=0.8), False),
        "cosine": (CosineSchedule(final_share=0.1), True),
    }[kind]
    rate = LearningRate(TrainingConfig(optimizer=ADAM, schedule=schedule), spec)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    scheduler = {
        "step": lambda: torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.3),
        "exponential": lambda: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8),
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 18, 0.001),
    }[kind]()
    for step in range(18):
        assert rate.after(step) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if per_step or step % 3 == 2:
            scheduler.step()
