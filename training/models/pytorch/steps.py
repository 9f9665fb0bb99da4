"""From a loss to new weights: gradients, accumulation, scaling, clipping, the optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from training.config.training import ConstantSchedule
from training.models.pytorch.tensors import from_tree, to_tree

if TYPE_CHECKING:
    from training.config.networks import TorchConfig
    from training.config.training import TrainingConfig
    from training.models.pytorch.schedules import Schedule
    from training.types import Metrics, ModelSpec


class Stepper:
    """Takes the steps of one network, and counts them.

    Attributes:
        steps: taken in all.
    """

    def __init__(
        self,
        config: TorchConfig,
        spec: ModelSpec,
        training: TrainingConfig,
        optimizer: Any,  # noqa: ANN401 - any of torch.optim
        schedule: Schedule,
        network: torch.nn.Module,
        device: torch.device,
    ) -> None:
        """Hold the parts."""
        self.steps = 0
        self._accumulate = config.accumulate
        self._epoch = spec.batches_per_epoch
        self._clip_norm = training.clip_norm
        self._optimizer, self._schedule = optimizer, schedule
        self._moves = training.schedule != ConstantSchedule()
        self._parameters = list(network.parameters())
        self._batches = 0
        self._waiting = 0
        self._is_plain = config.accumulate == 1 and config.precision != "fp16"
        self._scaler = torch.amp.GradScaler(device.type) if config.precision == "fp16" else None

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        return self._schedule.rate(self.steps)

    def take(self, loss: torch.Tensor) -> bool:
        """Learn from a batch's loss; whether the weights moved."""
        if self._is_plain:
            self._forget_gradients()
            loss.backward()
        elif not self._add_gradient(loss):
            return False
        if self._moves:
            self._schedule.before_step(self.steps)
        if self._scaler is not None:
            self._scaled_step(self._scaler)
        else:
            if self._clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(self._parameters, self._clip_norm)
            self._optimizer.step()
        self.steps += 1
        if self._moves:
            self._schedule.after_step()
        return True

    def end_epoch(self, metrics: Metrics) -> None:
        """Tell the schedule."""
        self._schedule.after_epoch(metrics)

    def state_dict(self) -> dict[str, Any]:
        """Optimizer, schedule, counts; gradients where a step is not complete."""
        state = {
            "optimizer": to_tree(self._optimizer.state_dict(), "optimizer"),
            "schedule": self._schedule.state_dict(),
            "steps": self.steps,
            "batches": self._batches,
            "waiting": self._waiting,
        }
        if self._waiting:
            gradients = [parameter.grad for parameter in self._parameters]
            state["gradients"] = to_tree(gradients, "gradients")
        if self._scaler is not None:
            state["scaler"] = to_tree(self._scaler.state_dict(), "scaler")
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them over."""
        self._optimizer.load_state_dict(from_tree(state["optimizer"]))
        self._schedule.load_state_dict(state["schedule"])
        self.steps, self._batches = state["steps"], state["batches"]
        self._waiting = state["waiting"]
        gradients = from_tree(state.get("gradients", [None] * len(self._parameters)))
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else gradient.to(parameter.device)
        if self._scaler is not None:
            self._scaler.load_state_dict(state["scaler"])

    def fits(self, state: dict[str, Any]) -> bool:
        """Whether a state is that of an optimizer of this kind, with as many parameters."""
        own = to_tree(self._optimizer.state_dict()["param_groups"], "optimizer")
        given = state["optimizer"]["param_groups"]
        return [(group.keys(), group["params"]) for group in own] == [
            (group.keys(), group["params"]) for group in given
        ] and ("scaler" in state) == (self._scaler is not None)

    def _forget_gradients(self) -> None:
        """As `optimizer.zero_grad()` does, without the record that it writes for a profiler."""
        for parameter in self._parameters:
            parameter.grad = None

    def _add_gradient(self, loss: torch.Tensor) -> bool:
        """Whether a step is due: enough batches are together, or the epoch ends."""
        if self._waiting == 0:
            self._forget_gradients()
        self._batches += 1
        self._waiting += 1
        share = loss / self._accumulate if self._accumulate > 1 else loss
        (share if self._scaler is None else self._scaler.scale(share)).backward()
        if self._waiting < self._accumulate and self._batches % self._epoch:
            return False
        self._waiting = 0
        return True

    def _scaled_step(self, scaler: Any) -> None:  # noqa: ANN401 - torch has no types here
        if self._clip_norm is not None:
            scaler.unscale_(self._optimizer)
            torch.nn.utils.clip_grad_norm_(self._parameters, self._clip_norm)
        scaler.step(self._optimizer)
        scaler.update()
