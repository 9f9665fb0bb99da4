"""A network in PyTorch as a `Model`: the step that one would write by hand, and all its memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.errors import ConfigError
from training.models.checks import check_outputs
from training.models.launch import is_launched
from training.models.pytorch.determinism import Algorithms
from training.models.pytorch.device import choose_device
from training.models.pytorch.feed import Feed
from training.models.pytorch.losses import Loss
from training.models.pytorch.measures import measure
from training.models.pytorch.memory import Memory
from training.models.pytorch.networks import make_network
from training.models.pytorch.randomness import Randomness
from training.models.pytorch.schedules import make_optimizer, make_schedule
from training.models.pytorch.steps import Stepper

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from training.config.networks import TorchConfig
    from training.config.training import TrainingConfig
    from training.models.base import Model
    from training.models.pytorch.group import Group
    from training.types import Array, Batch, Metrics, ModelSpec

_CHUNK_ROWS = 1024
_PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


def build(
    config: TorchConfig,
    spec: ModelSpec,
    training: TrainingConfig,
    trusted: Collection[str] | None = None,
) -> Model:
    """The model of a `torch` section; side by side with other processes, if there are any.

    Raises:
        ConfigError: a class that is not there, is not trusted or refuses its arguments, a device
            that is not there, or a state that cannot be stored.
    """
    check_outputs(spec)
    model = TorchModel(config, spec, training, trusted)
    model.state_dict()  # what cannot be stored is said before training
    if is_launched():
        from training.models.pytorch.side_by_side import SideBySide

        return SideBySide(model, (config, spec, training))
    return model


class TorchModel:
    """A network, its loss, its optimizer, and whatever else takes part in a step.

    Attributes:
        network: the module itself.
        feed: checks arrays and hands them to the device.
        randomness: where its random numbers come from.
        averaged: the moving average of its weights, which predicts; None without.
    """

    def __init__(
        self,
        config: TorchConfig,
        spec: ModelSpec,
        training: TrainingConfig,
        trusted: Collection[str] | None = None,
    ) -> None:
        """Make everything, with the weights that follow from `spec.seed`.

        Raises:
            ConfigError: as `build`.
        """
        self._algorithms = Algorithms(deterministic=config.deterministic)
        self._spec = spec
        self._device = device = choose_device(config.device, spec.dtype)
        self.randomness = Randomness(spec.seed, device)
        with self.randomness:
            network = make_network(config.network, spec, trusted)
        self.network = network.to(device=device, dtype=getattr(torch, spec.dtype))
        self.averaged = _average(self.network, config.ema_decay)
        optimizer = make_optimizer(training, self.network.parameters(), trusted)
        schedule = make_schedule(training, spec, optimizer, trusted, config.accumulate)
        self._stepper = Stepper(config, spec, training, optimizer, schedule, self.network, device)
        self._loss = Loss(config.loss, spec.task, trusted)
        self.feed = Feed(spec, device, resident=config.resident)
        self._alone = _compiled(self.network, config) if config.compile else self.network
        self._call = self._alone
        self._mixed = _mixed(config.precision, device)
        self._memory = Memory(self.network, self.averaged, self._stepper, self.randomness)
        self._is_undisturbed = False

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        return self._stepper.learning_rate

    def train_on_batch(self, batch: Batch) -> Metrics:
        """Take one step, or a part of one where gradients are accumulated.

        Returns:
            Means over the rows as they were before the step; on a GPU, numbers that are waited
            for when they are read.

        Raises:
            DataError: arrays of another shape or dtype, or targets that are no class.
            ConfigError: the network gives something of another shape than the targets.
        """
        x, y, weight = self.feed.tensors(batch)
        z, loss = self._step(x, y, weight, 1.0)
        return measure(z, loss, y, weight, self._spec.task)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Within it nobody else calculates with torch between two steps.

        Random state and choice of algorithms, which a step takes over from the process and gives
        back, are exchanged once, and not with every batch; each costs a small network 2 %.
        """
        with self.randomness, self._algorithms:
            self._is_undisturbed = True
            try:
                yield
            finally:
                self._is_undisturbed = False

    def share_gradients(self) -> None:
        """From the next step on, gradients are averaged over all processes."""
        self._call = DistributedDataParallel(self._alone)

    def stop_sharing(self) -> None:
        """From the next step on, this process is alone."""
        self._call = self._alone

    def train_together(self, batch: Batch, share: float, group: Group) -> Metrics:
        """Take one step with other processes, each of which has other rows of the batch.

        Args:
            batch: this process's rows.
            share: of the whole batch's weight that they have.
            group: all processes.
        """
        x, y, weight = self.feed.tensors(batch)
        z, loss = self._step(x, y, weight, share * group.size)
        metrics = measure(z, loss, y, weight, self._spec.task)
        names = sorted(metrics)
        own = torch.tensor([metrics[name] for name in names], dtype=torch.float64)
        return dict(zip(names, group.sum(share * own).tolist(), strict=True))

    def end_epoch(self, metrics: Metrics) -> None:
        """Tell the schedule what an epoch ended with."""
        self._stepper.end_epoch(metrics)

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        """The same numbers without learning, in full precision and with the averaged weights.

        Raises:
            DataError: as in `train_on_batch`.
        """
        x, y, weight = self.feed.tensors(batch)
        with torch.inference_mode(), self._algorithms:
            z = self._outputs(self._evaluated(), x)
            return measure(z, self._loss(z, y, weight), y, weight, self._spec.task)

    def predict(self, x: Array) -> Array:
        """Predictions, shape (rows,) for one output, else (rows, outputs).

        Raises:
            DataError: inputs of another shape or dtype.
        """
        spec, network = self._spec, self._evaluated()
        shape = (len(x),) if spec.outputs == 1 else (len(x), spec.outputs)
        predictions: Array = np.empty(shape, spec.numpy_dtype)
        with torch.inference_mode(), self._algorithms:
            for start in range(0, max(1, len(x)), _CHUNK_ROWS):
                chunk = self.feed.inputs(x[start : start + _CHUNK_ROWS])
                if len(chunk):
                    z = _chances(self._outputs(network, chunk), spec)
                    predictions[start : start + _CHUNK_ROWS] = z.cpu().numpy()
        return predictions

    def rows_on_device(self, x: Array, y: Array) -> Callable[[Array | slice], Batch] | None:
        """How the engine is to pick batches of these rows; None: as NumPy does."""
        return self.feed.picker(x, y)

    def state_dict(self) -> dict[str, Any]:
        """A copy of weights, optimizer, schedule, random state, scale and gradients.

        Returns:
            `weights`: of the network that predicts, by PyTorch's names; `training`: the rest.
        """
        return self._memory.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state; with `weights` alone, all else stays as it is.

        Raises:
            ConfigError: it belongs to another configuration.
        """
        self._memory.load_state_dict(state)

    def _step(
        self, x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None, factor: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.network.training:
            self.network.train()
        if self._is_undisturbed:
            return self._learn(x, y, weight, factor)
        with self.randomness, self._algorithms:
            return self._learn(x, y, weight, factor)

    def _learn(
        self, x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None, factor: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self._mixed is None:
            z, loss = self._forward(x, y, weight)
        else:
            with self._mixed():
                z, loss = self._forward(x, y, weight)
        learned = loss if factor == 1 else loss * factor
        if self._stepper.take(learned) and self.averaged is not None:
            self.averaged.update_parameters(self.network)
        return z, loss

    def _forward(
        self, x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        z = self._outputs(self._call, x)
        return z, self._loss(z, y, weight)

    def _evaluated(self) -> torch.nn.Module:
        network = self.network if self.averaged is None else self.averaged.module
        if network.training:
            network.eval()
        return network

    def _outputs(self, network: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> Any:  # noqa: ANN401 - a tensor
        z, outputs = network(x), self._spec.outputs
        if outputs == 1 and z.ndim == 2:  # noqa: PLR2004 - (rows, 1)
            z = z.squeeze(-1)
        if z.shape != ((len(x),) if outputs == 1 else (len(x), outputs)):
            raise ConfigError(
                f"the network gives {tuple(z.shape)} for {len(x)} rows; expected "
                f"{(len(x), outputs)}: correct its forward()"
            )
        return z


def _compiled(network: torch.nn.Module, config: TorchConfig) -> torch.nn.Module:
    """Its compiler chooses algorithms, too."""
    compiled: torch.nn.Module = torch.compile(
        network, options={"deterministic": config.deterministic}
    )
    return compiled


def _average(network: torch.nn.Module, decay: float | None) -> AveragedModel | None:
    if decay is None:
        return None
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))


def _mixed(precision: str, device: torch.device) -> Callable[[], Any] | None:
    if precision == "full":
        return None
    return lambda: torch.autocast(device.type, _PRECISIONS[precision])


def _chances(z: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    if spec.task == "binary":
        return z.sigmoid()
    return z.softmax(dim=1) if spec.task == "multiclass" else z
