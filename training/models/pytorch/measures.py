"""What is measured on a batch: the loss, and beside it `mae` or `accuracy`.

Metrics are late: the numbers beside the loss are computed for many batches at once, since for a
small network a few NumPy calls a batch cost a tenth of its step; and on a GPU the loss too is only
waited for then.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import torch
from torch.nn import functional

from training.metrics import LateMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.types import Array, Metrics, TaskKind

Kind = TypeVar("Kind", bound=LateMetrics)
_LARGE = 1 << 16  # numbers that are not kept until later
SECOND: Final[dict[TaskKind, str]] = {
    "regression": "mae",
    "binary": "accuracy",
    "multiclass": "accuracy",
}


class BatchMetrics(LateMetrics):
    """Of one batch on the CPU: the loss is known, the other is computed when it is read."""

    __slots__ = ("loss", "task", "y", "z")
    together = 64  # what they hold stays in a core's cache

    def __init__(self, loss: float, z: torch.Tensor, y: torch.Tensor, task: TaskKind) -> None:
        """Hold outputs and targets, which nobody changes any more."""
        self.loss, self.z, self.y, self.task = loss, z, y, task

    def __getitem__(self, name: str) -> float:
        return self.read([self])[0][name]

    def __iter__(self) -> Iterator[str]:
        yield from ("loss", SECOND[self.task])

    def __len__(self) -> int:
        return 2

    @classmethod
    def read(cls, many: Sequence[LateMetrics]) -> list[dict[str, float]]:
        """Batches of one size at once; each gets what it would alone, to the bit."""
        found: list[dict[str, float]] = []
        for _, group in groupby(_of_kind(cls, many), key=lambda metrics: metrics.z.shape):
            same = list(group)
            task = same[0].task
            # torch stacks many small tensors several times as fast as NumPy does arrays
            z = torch.stack([metrics.z for metrics in same]).numpy()
            y = torch.stack([metrics.y for metrics in same]).numpy()
            for metrics, second in zip(same, _seconds(z, y, task), strict=True):
                found.append({"loss": metrics.loss, SECOND[task]: second})
        return found


class DeviceMetrics(LateMetrics):
    """Of one batch on a device: the numbers are in its memory, and reading one waits for it."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: dict[str, torch.Tensor]) -> None:
        """Hold tensors of one number each."""
        self.numbers = numbers

    def __getitem__(self, name: str) -> float:
        return float(self.numbers[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def read(cls, many: Sequence[LateMetrics]) -> list[dict[str, float]]:
        """All at once: the device is waited for once."""
        ours = _of_kind(cls, many)
        tensors = [tensor for metrics in ours for tensor in metrics.numbers.values()]
        widest = torch.float32 if tensors[0].device.type == "mps" else torch.float64  # MPS has none
        values = iter(torch.stack([tensor.to(widest) for tensor in tensors]).tolist())
        return [{name: next(values) for name in metrics.numbers} for metrics in ours]


def measure(
    z: torch.Tensor,
    loss: torch.Tensor,
    y: torch.Tensor,
    weight: torch.Tensor | None,
    task: TaskKind,
) -> Metrics:
    """`loss`, and `mae` or `accuracy`.

    Args:
        z: outputs, shape of the targets, or (rows, outputs) for several classes.
        loss: their mean loss.
        y: targets.
        weight: of the rows.
        task: what the targets are.
    """
    if z.is_cpu and weight is None and z.dtype is not torch.bfloat16:
        metrics = BatchMetrics(loss.item(), z.detach(), y, task)
        return metrics if z.numel() < _LARGE else dict(metrics)
    with torch.no_grad():
        second = _mean(_of_rows(z.detach(), y, task), weight)
    late = DeviceMetrics({"loss": loss.detach(), SECOND[task]: second})
    return dict(late) if z.is_cpu else late


def _of_kind(kind: type[Kind], many: Sequence[LateMetrics]) -> list[Kind]:
    return [metrics for metrics in many if isinstance(metrics, kind)]


def _seconds(z: Array, y: Array, task: TaskKind) -> list[float]:
    """Of each batch, from outputs (batches, rows) or (batches, rows, outputs)."""
    batches, rows = y.shape[:2]
    if task == "regression":
        away = np.absolute(z - y).reshape(batches, -1)
        means: list[float] = (away.sum(axis=1, dtype=np.float64) / away.shape[1]).tolist()
        return means
    right = (z > 0) == (y > 0) if task == "binary" else z.argmax(axis=2) == y
    shares: list[float] = (np.count_nonzero(right, axis=1) / rows).tolist()
    return shares


def _of_rows(z: torch.Tensor, y: torch.Tensor, task: TaskKind) -> torch.Tensor:
    """Of each row: how far it is off, or whether it is right."""
    if task == "regression":
        return functional.l1_loss(z.to(y.dtype), y, reduction="none").reshape(len(y), -1)
    return ((z > 0) == (y > 0) if task == "binary" else z.argmax(dim=1) == y).float()


def _mean(rows: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
    if weight is None:
        return rows.mean()
    each = rows if len(rows.shape) == 1 else rows.mean(dim=1)
    return (each * weight).sum() / weight.sum()
