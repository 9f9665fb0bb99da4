"""Learning-rate schedules: the rate of a step is a function of its number, never saved.

With s the number of steps done, b = `batches_per_epoch`, e = s // b the number of epochs done,
T = `epochs` * b the planned steps and w = `warmup_steps`, the rate of the next step is
`learning_rate` * warm(s) * decay(s), where warm(s) = min(1, (s + 1) / w), or 1 without warm-up, and

===========  =======================================================================
constant     decay = 1
step         decay = gamma ** (e // every_n_epochs)
exponential  decay = gamma ** e
cosine       decay = final_share + (1 - final_share) * (1 + cos(pi * u)) / 2,
             u = (s - w) / (T - w), held within 0 and 1
===========  =======================================================================

Step and exponential count epochs from the first, as torch's StepLR and ExponentialLR do; cosine
starts where the warm-up ends (Loshchilov and Hutter 2016, one cycle) and stays at its end after T.
"""

from __future__ import annotations

from math import cos, pi
from typing import TYPE_CHECKING

from training.config.training import (
    ConstantSchedule,
    CosineSchedule,
    CustomScheduleConfig,
    ExponentialSchedule,
    PlateauSchedule,
    StepSchedule,
)
from training.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.training import TrainingConfig
    from training.types import ModelSpec

    Planned = ConstantSchedule | StepSchedule | ExponentialSchedule | CosineSchedule


class LearningRate:
    """The learning rate that a training configuration plans for each step."""

    __slots__ = ("_decay", "_peak", "_warmup")

    def __init__(self, training: TrainingConfig, spec: ModelSpec) -> None:
        """Plan for `spec.epochs` epochs of `spec.batches_per_epoch` steps.

        Raises:
            ConfigError: a schedule that cannot be planned, since it follows what happens.
        """
        if isinstance(training.schedule, PlateauSchedule | CustomScheduleConfig):
            raise ConfigError(
                f"training.schedule.type = {training.schedule.type!r} is for models in PyTorch; "
                "use constant, step, exponential or cosine, or model.type: torch"
            )
        self._peak = training.optimizer.learning_rate
        self._warmup = training.schedule.warmup_steps
        self._decay = _decay(training.schedule, spec)

    def after(self, steps: int) -> float:
        """The rate of the step that follows after `steps` steps."""
        rate = self._peak * self._decay(steps)
        return rate if steps >= self._warmup else rate * (steps + 1) / self._warmup


def _decay(schedule: Planned, spec: ModelSpec) -> Callable[[int], float]:
    batches = spec.batches_per_epoch
    match schedule:
        case ConstantSchedule():
            return lambda _: 1.0
        case StepSchedule(every_n_epochs=every, gamma=gamma):
            return lambda step: gamma ** (step // batches // every)
        case ExponentialSchedule(gamma=gamma):
            return lambda step: gamma ** (step // batches)
        case CosineSchedule(warmup_steps=start, final_share=share):
            length = max(1, spec.epochs * batches - start)

            def half_cosine(step: int) -> float:
                done = min(1.0, max(0, step - start) / length)
                return share + (1 - share) * (1 + cos(pi * done)) / 2

            return half_cosine
