"""Linear and logistic regression and the multilayer perceptron, in NumPy.

They are one network: without hidden layers and with squared error it is linear regression, without
hidden layers and with cross-entropy logistic regression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.model import LinearConfig, LogisticConfig, MlpConfig
from training.errors import ConfigError, DataError
from training.models.checks import (
    check_inputs,
    check_outputs,
    check_state,
    check_weight,
    fit_targets,
)
from training.models.layout import Layout
from training.models.losses import LOSSES, to_predictions
from training.models.network import Buffers, Network
from training.models.optimizers import clip_to_norm, make_optimizer
from training.models.schedules import LearningRate

if TYPE_CHECKING:
    from training.config.training import TrainingConfig
    from training.models.layout import ActivationName
    from training.models.losses import Loss
    from training.types import Array, Batch, Metrics, ModelSpec

_CHUNK_ROWS = 1024
_MAX_WORKSPACES = 8


def build(
    config: object,
    spec: ModelSpec,
    training: TrainingConfig,
    trusted: object = None,  # noqa: ARG001 - every builder is called alike
) -> NumpyModel:
    """The model of a `linear`, `logistic` or `mlp` section.

    Raises:
        ConfigError: the model cannot learn the task, or the task cannot have so many outputs.
    """
    check_outputs(spec)
    match config:
        case LinearConfig() if spec.task == "regression":
            return NumpyModel((), "tanh", spec, training)
        case LogisticConfig() if spec.task != "regression":
            return NumpyModel((), "tanh", spec, training)
        case MlpConfig(hidden=hidden, activation=activation):
            return NumpyModel(hidden, activation, spec, training)
        case LinearConfig():
            raise ConfigError(
                f"model.type = 'linear' is a regression, and the target's task is {spec.task!r}; "
                "use model.type 'logistic' or 'mlp', or a regression target (data.target)"
            )
        case _:
            raise ConfigError(
                "model.type = 'logistic' is a classification, and the target's task is "
                "'regression'; use model.type 'linear' or 'mlp', or a target of classes "
                "(data.target)"
            )


class _Workspace:
    """What a batch of one size is computed in; kept from step to step."""

    __slots__ = ("buffers", "loss", "target_shape")

    def __init__(self, network: Network, rows: int, spec: ModelSpec) -> None:
        several = spec.task == "regression" and spec.outputs > 1
        self.target_shape = (rows, spec.outputs) if several else (rows,)
        self.buffers: Buffers = network.buffers(rows)
        self.loss: Loss = LOSSES[spec.task](self.buffers.outputs)


class NumpyModel:
    """A fully connected network that learns from batches.

    Metrics are `loss` and, for regression, `mae`; for classification, `accuracy`. Inputs are
    C-contiguous, of shape (rows, spec.inputs) and of spec.dtype; targets (rows,) or, for several
    values, (rows, outputs), of spec.dtype, or integers for classes.
    """

    def __init__(
        self,
        hidden: tuple[int, ...],
        activation: ActivationName,
        spec: ModelSpec,
        training: TrainingConfig,
    ) -> None:
        """Start with the weights that follow from `spec.seed` (see `Layout.initial`).

        Args:
            hidden: units of each hidden layer; none: a linear model.
            activation: between the layers.
            spec: inputs, outputs, task, dtype, seed, planned steps.
            training: optimizer, schedule and clipping.
        """
        self._spec = spec
        self._dtype = spec.numpy_dtype
        layout = Layout((spec.inputs, *hidden, spec.outputs))
        self._network = Network(layout, activation, self._dtype, spec.seed)
        self._weights = layout.views(self._network.parameters)
        self._optimizer = make_optimizer(
            training.optimizer, self._network.parameters, self._network.gradient
        )
        self._learning_rate = LearningRate(training, spec)
        self._clip_norm = training.clip_norm
        self._workspaces: dict[tuple[int, ...], _Workspace] = {}

    @property
    def learning_rate(self) -> float:
        """The rate of the next step, by the schedule."""
        return self._learning_rate.after(self._optimizer.steps)

    def train_on_batch(self, batch: Batch) -> Metrics:
        """Take one optimization step.

        Returns:
            Means over the rows as they were before the step, without the weight decay's share.

        Raises:
            DataError: arrays of another shape, dtype or layout, or targets that are no class.
        """
        with np.errstate(all="ignore"):
            metrics, workspace = self._measure(batch)
            self._network.backward(batch.x, workspace.buffers, workspace.loss.delta)
            if self._clip_norm is not None:
                clip_to_norm(self._network.gradient, self._clip_norm)
            self._optimizer.step(self._learning_rate.after(self._optimizer.steps))
        return metrics

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        """The same numbers without learning anything.

        Raises:
            DataError: as in `train_on_batch`.
        """
        with np.errstate(all="ignore"):
            return self._measure(batch)[0]

    def predict(self, x: Array) -> Array:
        """Predictions, shape (rows,) for one output, else (rows, outputs).

        Works in memory of its own, so that several threads may predict with one model.

        Raises:
            DataError: inputs of another shape, dtype or layout.
        """
        check_inputs(x, self._spec.inputs, self._dtype)
        rows, outputs = len(x), self._spec.outputs
        predictions: Array = np.empty((rows, outputs), self._dtype)
        with np.errstate(all="ignore"):
            for start in range(0, rows, _CHUNK_ROWS):
                chunk = x[start : start + _CHUNK_ROWS]
                buffers = self._network.buffers(len(chunk))
                self._network.forward(chunk, buffers)
                to_predictions(buffers.outputs, self._spec.task)
                predictions[start : start + _CHUNK_ROWS] = buffers.outputs
        return predictions.reshape(rows) if outputs == 1 else predictions

    def state_dict(self) -> dict[str, Any]:
        """A copy of weights, optimizer memory and number of steps.

        Returns:
            `weights`: by layer, `layer0.weight` (inputs, units), `layer0.bias` (units,), …;
            `optimizer`: its `step` and its flat memory, shape (number of parameters,).
        """
        memory = {name: array.copy() for name, array in self._optimizer.memory.items()}
        return {
            "weights": self._network.layout.views(self._network.parameters.copy()),
            "optimizer": {"step": self._optimizer.steps, **memory},
        }

    def live_state(self) -> dict[str, Any]:
        """What `state_dict` copies, in the arrays that the next step changes."""
        optimizer = {"step": self._optimizer.steps, **self._optimizer.memory}
        return {"weights": self._weights, "optimizer": optimizer}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state; with `weights` alone, all else stays as it is.

        Nothing is changed unless all of it fits.

        Raises:
            ConfigError: it belongs to another model: names, shapes or dtypes differ.
        """
        unknown = set(state) - {"weights", "optimizer"}
        if unknown or "weights" not in state:
            raise ConfigError(
                f"this state has the parts {sorted(state)}; expected 'weights' and, to go on "
                "training, 'optimizer'"
            )
        weights = check_state("weights", state["weights"], self._weights)
        if "optimizer" in state:
            self._load_optimizer(state["optimizer"])
        for name, array in self._weights.items():
            np.copyto(array, weights[name])

    def _load_optimizer(self, state: object) -> None:
        memory = dict(state) if isinstance(state, dict) else {}
        steps = memory.pop("step", None)
        if type(steps) is not int or steps < 0:
            raise ConfigError(f"this state has optimizer.step = {steps!r}; expected a count, >= 0")
        memory = check_state("optimizer", memory, self._optimizer.memory)
        for name, array in self._optimizer.memory.items():
            np.copyto(array, memory[name])
        self._optimizer.steps = steps

    def _measure(self, batch: Batch) -> tuple[dict[str, float], _Workspace]:
        x, y, weight = batch
        workspace = self._workspaces.get(getattr(x, "shape", ()))
        # Comparisons alone while all is well: a shape that has a workspace is a right shape.
        if (
            workspace is None
            or not isinstance(x, np.ndarray)
            or x.dtype != self._dtype
            or not x.flags.c_contiguous
        ):
            workspace = self._new_workspace(x)
        if getattr(y, "shape", ()) != workspace.target_shape or y.dtype != self._dtype:
            y = fit_targets(y, len(x), self._spec)
        if weight is not None:
            check_weight(weight, len(x), self._dtype)
        self._network.forward(x, workspace.buffers)
        return workspace.loss(y, weight), workspace

    def _new_workspace(self, x: Array) -> _Workspace:
        check_inputs(x, self._spec.inputs, self._dtype)
        if len(x) == 0:
            raise DataError("a batch without rows; expected at least one")
        if len(self._workspaces) == _MAX_WORKSPACES:
            self._workspaces.clear()
        workspace = self._workspaces[x.shape] = _Workspace(self._network, len(x), self._spec)
        return workspace
