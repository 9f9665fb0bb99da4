"""Losses, and the metrics that stand beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn import functional

from training.errors import ConfigError
from training.models.pytorch.networks import make

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import torch

    from training.config.networks import LossConfig
    from training.types import TaskKind

    Measure = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_BY_TASK: dict[TaskKind, Measure] = {
    "regression": functional.mse_loss,
    "binary": functional.binary_cross_entropy_with_logits,
    "multiclass": functional.cross_entropy,
}


class Loss:
    """The mean loss of outputs against targets, weighted where rows have weights."""

    def __init__(
        self, config: LossConfig | None, task: TaskKind, trusted: Collection[str] | None
    ) -> None:
        """Take the loss of the task, or the one that is named.

        Raises:
            ConfigError: there is no such loss, or it refuses its arguments.
        """
        self._config, self._trusted = config, trusted
        self._rows: Any = None
        self._by_task = _BY_TASK[task]
        self._mean: Measure = self._by_task if config is None else self._made(config)

    def __call__(
        self, z: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None
    ) -> torch.Tensor:
        """Without weights, as PyTorch computes it; else each row's, by its share of the weights.

        Raises:
            ConfigError: a loss that knows no `reduction`, so that it gives none for each row.
        """
        if weight is None:
            return self._mean(z, y)
        losses = self._each(z, y).reshape(len(z), -1).mean(dim=1)
        return (losses * weight).sum() / weight.sum()

    def _each(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if self._config is None:
            return self._by_task(z, y, reduction="none")  # type: ignore[call-arg] # all take it
        if self._rows is None:
            self._rows = self._made(self._config, reduction="none")
        losses: torch.Tensor = self._rows(z, y)
        if len(losses.shape) == 0:
            raise ConfigError(
                f"model.loss.type = {self._config.type!r} gives no loss for each row, which "
                "weights need; give it a `reduction`, or leave weights out"
            )
        return losses

    def _made(self, config: LossConfig, **more: str) -> Any:  # noqa: ANN401 - a loss
        return make(config.type, "model.loss", self._trusted, **(config.model_extra or {}), **more)
