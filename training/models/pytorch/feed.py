"""From NumPy arrays to tensors on a device.

On the CPU a tensor is a view of the array. On a GPU, rows that fit stay there and batches are
picked there; others are copied from pinned memory while the device still works on the batch before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from training.errors import DataError
from training.models.checks import check_classes, check_inputs, check_weight, fit_targets
from training.types import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array, ModelSpec

    Tensors = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]

_SHARE_OF_FREE_MEMORY = 0.3


class Feed:
    """Checks arrays and hands them to the device.

    Attributes:
        is_on_cpu: whether that is the CPU.
    """

    def __init__(self, spec: ModelSpec, device: torch.device, *, resident: bool = True) -> None:
        """Say what arrays are expected, and where they go."""
        self._spec, self._device, self._keep = spec, device, resident
        self._dtype = spec.numpy_dtype
        self._row = spec.row_shape
        self._classes = 0 if spec.task == "regression" else max(2, spec.outputs)
        self._target = np.dtype("int64") if spec.task == "multiclass" else self._dtype
        one = spec.outputs == 1 or spec.task == "multiclass"
        self._target_row = () if one else (spec.outputs,)
        self.is_on_cpu = device.type == "cpu"

    def tensors(self, batch: Batch) -> Tensors:
        """A batch on the device; what a picker of ours gave is there already.

        Raises:
            DataError: arrays of another shape or dtype, or targets that are no class.
        """
        x, y, weight = batch
        if type(x) is torch.Tensor:
            return x, y, weight
        x, y, weight = self.checked(batch)
        return self.moved(x), self.moved(y), None if weight is None else self.moved(weight)

    def checked(self, batch: Batch) -> Batch:
        """A batch of arrays as the network takes them.

        Raises:
            DataError: arrays of another shape or dtype, or targets that are no class.
        """
        x, y, weight = batch
        self._check_inputs(x)
        rows = len(x)
        if rows == 0:
            raise DataError("a batch without rows; expected at least one")
        if (
            type(y) is not np.ndarray
            or y.shape != (rows, *self._target_row)
            or y.dtype != self._target
        ):
            y = fit_targets(y, rows, self._spec)
        self._check_classes(y)
        if weight is not None:
            check_weight(weight, rows, self._dtype)
        return Batch(x, y.astype(self._target, copy=False), weight)

    def empty(self, rows: int, weighted: bool) -> Batch:  # noqa: FBT001 - as it is sent
        """Room for a checked batch of so many rows."""
        return Batch(
            np.empty((rows, *self._row), self._dtype),
            np.empty((rows, *self._target_row), self._target),
            np.empty(rows, self._dtype) if weighted else None,
        )

    def inputs(self, x: Array) -> torch.Tensor:
        """Inputs on the device.

        Raises:
            DataError: of another shape or dtype.
        """
        self._check_inputs(x)
        return self.moved(x)

    def picker(self, x: Array, y: Array) -> Callable[[Array | slice], Batch] | None:
        """How batches of these rows are picked: checked once here, and not with every batch."""
        if len(x) == 0:
            return None
        self.tensors(Batch(x[:1], y[:1]))
        y = fit_targets(y, len(x), self._spec)
        self._check_classes(y)
        y = y.astype(self._target, copy=False)
        if self._keep and self._fits(x, y):
            return Resident(x, y, self._device)
        return Picked(x, y, self)

    def _check_inputs(self, x: Array) -> None:
        if type(x) is not np.ndarray or x.shape[1:] != self._row or x.dtype != self._dtype:
            check_inputs(x, self._spec.inputs, self._dtype, self._spec.window)

    def _check_classes(self, y: Array) -> None:
        """Whole numbers from 0: a quick look first, and the names of the others if need be."""
        if not self._classes:
            return
        if self._spec.task == "binary":
            right = np.count_nonzero(y == 1) == np.count_nonzero(y)
        else:
            whole = y.dtype.kind != "f"
            right = whole and np.minimum.reduce(y) >= 0 and np.maximum.reduce(y) < self._classes
        if not right:
            check_classes(y, self._classes)

    def _fits(self, x: Array, y: Array) -> bool:
        if self._device.type != "cuda":
            return False
        free, _ = torch.cuda.mem_get_info(self._device)
        rows = x.size // x.shape[1] if x.ndim == 3 else x.size  # noqa: PLR2004 - windows share rows
        return bool(rows * x.itemsize + y.nbytes < _SHARE_OF_FREE_MEMORY * free)

    def moved(self, array: Array) -> torch.Tensor:
        """An array as a tensor on the device; on the CPU in the same memory, where it can be."""
        if not array.flags.writeable or min(array.strides) < 0:
            array = array.copy()  # torch takes neither
        tensor = torch.from_numpy(array)
        if self.is_on_cpu:
            return tensor
        if self._device.type == "cuda":
            tensor = tensor.contiguous().pin_memory()
        return tensor.to(self._device, non_blocking=True)


class Picked:
    """Batches picked by NumPy, which takes a few rows faster than torch, then handed to a device.

    From pinned memory, so that the copy goes on while the device works on the batch before.
    """

    def __init__(self, x: Array, y: Array, feed: Feed) -> None:
        """Look at these rows."""
        self._x, self._y = x, y
        self._any = feed.moved
        self._fresh = torch.from_numpy if feed.is_on_cpu else feed.moved
        self._contiguous = x.flags.c_contiguous  # `take` would copy all of what is not

    def __call__(self, chosen: Array | slice) -> Batch:
        """A batch of tensors."""
        x, y = self._x, self._y
        if isinstance(chosen, slice):
            return Batch(self._any(x[chosen]), self._any(y[chosen]))
        rows = x.take(chosen, 0) if self._contiguous else np.ascontiguousarray(x[chosen])
        return Batch(self._fresh(rows), self._fresh(y.take(chosen, 0)))


class Resident:
    """Rows that stay on a device, and batches picked there.

    Windows are views there too: a row is held once, however many windows it is in.
    """

    def __init__(self, x: Array, y: Array, device: torch.device) -> None:
        """Copy them there."""
        self._device = device
        self._y = torch.from_numpy(np.array(y)).to(device)
        if x.ndim == 3:  # noqa: PLR2004 - (rows, window, features)
            rows = np.concatenate([x[0, :-1], x[:, -1]])
            self._x = torch.from_numpy(rows).to(device).unfold(0, x.shape[1], 1).transpose(1, 2)
        else:
            self._x = torch.from_numpy(np.array(x)).to(device)

    def __call__(self, chosen: Array | slice) -> Batch:
        """A batch of tensors."""
        if isinstance(chosen, slice):
            return Batch(self._x[chosen], self._y[chosen])
        index: Any = torch.from_numpy(chosen)
        if self._device.type == "cuda":
            index = index.pin_memory().to(self._device, non_blocking=True)
        return Batch(self._x[index], self._y[index])
