"""The optimizer, and who says its learning rate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import torch

from training.config.training import (
    AdamConfig,
    CustomScheduleConfig,
    PlateauSchedule,
    SgdConfig,
)
from training.errors import ConfigError, MetricError, did_you_mean
from training.metrics import Monitor
from training.models.pytorch.networks import make
from training.models.pytorch.tensors import from_tree, to_tree
from training.models.schedules import LearningRate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from training.config.training import TrainingConfig
    from training.types import Metrics, ModelSpec


def make_optimizer(
    training: TrainingConfig,
    parameters: Iterable[torch.nn.Parameter],
    trusted: Collection[str] | None,
) -> Any:  # noqa: ANN401 - any of torch.optim
    """The optimizer that a configuration names.

    Raises:
        ConfigError: there is no such class, or it refuses its arguments.
    """
    config = training.optimizer
    rate = config.learning_rate
    match config:
        case SgdConfig(momentum=momentum, weight_decay=decay):
            return torch.optim.SGD(parameters, rate, momentum=momentum, weight_decay=decay)
        case AdamConfig():
            kind = torch.optim.AdamW if config.decoupled else torch.optim.Adam
            betas = (config.beta1, config.beta2)
            return kind(parameters, rate, betas, config.epsilon, config.weight_decay)
    keys = {"lr": rate, **(config.model_extra or {})}
    return make(config.type, "training.optimizer", trusted, parameters, **keys)


class Schedule(Protocol):
    """Sets the learning rate of an optimizer."""

    def rate(self, steps: int) -> float:
        """The rate of the step that follows after `steps` steps."""
        ...

    def before_step(self, steps: int) -> None:
        """Set the rate of the step that follows after `steps` steps."""
        ...

    def after_step(self) -> None:
        """A step was taken."""
        ...

    def after_epoch(self, metrics: Metrics) -> None:
        """An epoch ended with these metrics."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, in plain values."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it over."""
        ...


def make_schedule(
    training: TrainingConfig,
    spec: ModelSpec,
    optimizer: Any,  # noqa: ANN401 - any of torch.optim
    trusted: Collection[str] | None,
    accumulate: int,
) -> Schedule:
    """The schedule that a configuration names; an epoch has ceil(batches / accumulate) steps.

    Raises:
        ConfigError: there is no such class, or it refuses its arguments.
    """
    schedule = training.schedule
    if isinstance(schedule, PlateauSchedule):
        return Plateau(schedule, optimizer)
    if isinstance(schedule, CustomScheduleConfig):
        keys = schedule.model_extra or {}
        made = make(schedule.type, "training.schedule", trusted, optimizer, **keys)
        return Torchs(made, per_epoch=schedule.per == "epoch")
    steps = -(-spec.batches_per_epoch // accumulate)
    plan = LearningRate(training, replace(spec, batches_per_epoch=steps))
    return Planned(plan, optimizer)


class Planned:
    """The rate is a function of the number of steps: nothing has to be remembered."""

    def __init__(self, plan: LearningRate, optimizer: Any) -> None:  # noqa: ANN401 - any of torch.optim
        """Follow a plan."""
        self._plan, self._optimizer = plan, optimizer
        self._rate = optimizer.param_groups[0]["lr"]

    def rate(self, steps: int) -> float:
        """As planned."""
        return self._plan.after(steps)

    def before_step(self, steps: int) -> None:
        """Set the planned rate, where it is another than that of the step before."""
        rate = self._plan.after(steps)
        if rate != self._rate:
            self._rate = rate
            for group in self._optimizer.param_groups:
                group["lr"] = rate

    def after_step(self) -> None:
        """Nothing to do."""

    def after_epoch(self, metrics: Metrics) -> None:
        """Nothing to do."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing to remember."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Look at the optimizer's rate again, which was loaded."""
        self._rate = self._optimizer.param_groups[0]["lr"]


class Plateau:
    """torch's ReduceLROnPlateau, fed with an epoch's metrics."""

    def __init__(self, config: PlateauSchedule, optimizer: Any) -> None:  # noqa: ANN401 - any of torch.optim
        """Watch a metric.

        Raises:
            ConfigError: its name does not say whether lower is better.
        """
        try:
            self._monitor = Monitor(config.monitor, config.mode)
        except ConfigError as error:
            raise ConfigError(f"training.schedule.monitor: {error}") from error
        self._inner = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            "min" if self._monitor.lower_is_better else "max",
            config.factor,
            config.patience,
            config.threshold,
            cooldown=config.cooldown,
            min_lr=config.min_learning_rate,
        )

    def rate(self, steps: int) -> float:
        """What the optimizer has."""
        return float(self._inner.optimizer.param_groups[0]["lr"])

    def before_step(self, steps: int) -> None:
        """Nothing to do."""

    def after_step(self) -> None:
        """Nothing to do."""

    def after_epoch(self, metrics: Metrics) -> None:
        """Look at the metric.

        Raises:
            MetricError: nobody measures it.
        """
        name = self._monitor.name
        if name in metrics:
            self._inner.step(metrics[name])
        elif not name.startswith("val_") or any(key.startswith("val_") for key in metrics):
            raise MetricError(
                f"training.schedule.monitor = {name!r} is not measured; "
                f"{did_you_mean(name, metrics)}"
            )

    def state_dict(self) -> dict[str, Any]:
        """The best value, and how long ago it was."""
        return to_tree(self._inner.state_dict(), "schedule")  # type: ignore[no-any-return] # a dict stays one

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them over."""
        self._inner.load_state_dict(from_tree(state))


class Torchs:
    """A schedule of torch.optim.lr_scheduler, moved after each step or after each epoch."""

    def __init__(self, inner: Any, *, per_epoch: bool) -> None:  # noqa: ANN401 - any schedule of torch
        """Move it when it is time."""
        self._inner, self._per_epoch = inner, per_epoch

    def rate(self, steps: int) -> float:
        """What the optimizer has."""
        return float(self._inner.optimizer.param_groups[0]["lr"])

    def before_step(self, steps: int) -> None:
        """Nothing to do."""

    def after_step(self) -> None:
        """Move it, if it counts steps."""
        if not self._per_epoch:
            self._inner.step()

    def after_epoch(self, metrics: Metrics) -> None:
        """Move it, if it counts epochs."""
        if self._per_epoch:
            self._inner.step()

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, but for functions that it was given."""
        return to_tree(self._inner.state_dict(), "schedule")  # type: ignore[no-any-return] # a dict stays one

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it over."""
        self._inner.load_state_dict(from_tree(state))
