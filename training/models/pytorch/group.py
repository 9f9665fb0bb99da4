"""What processes of one training send each other: numbers, arrays, trees; never a pickle."""

from __future__ import annotations

import gc
from datetime import timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import torch
from torch import distributed

if TYPE_CHECKING:
    from training.types import Array

_PATIENCE = timedelta(days=7)  # helpers wait while the leading process evaluates and saves


class Group:
    """All processes; what is sent goes from rank 0 to the others.

    Attributes:
        rank: of this process.
        size: number of processes.
    """

    def __init__(self) -> None:
        """Join, as the launcher's environment variables say; gradients on GPUs go by NCCL."""
        if not distributed.is_initialized():
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            distributed.init_process_group(backend, timeout=_PATIENCE)
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    def numbers(self, *given: int) -> list[int]:
        """Whole numbers, as many as given; on a helper what it gives is not looked at."""
        box = torch.tensor(given, dtype=torch.int64)
        distributed.broadcast(box, 0)
        return [int(number) for number in box]

    def array(self, array: Array) -> Array:
        """An array, in place; on a helper one of the same shape and dtype."""
        distributed.broadcast(torch.from_numpy(array.reshape(-1).view(np.uint8)), 0)
        return array

    def tree(self, tree: dict[str, Any] | None) -> dict[str, Any]:
        """Nested dicts and lists of arrays and plain values."""
        arrays: list[Array] = []
        text = orjson.dumps(_without_arrays(tree, arrays)) if tree is not None else b""
        (length,) = self.numbers(len(text))
        data = np.frombuffer(text, np.uint8).copy() if text else np.empty(length, np.uint8)
        plain = orjson.loads(self.array(data).tobytes())
        if self.rank > 0:
            arrays = [np.empty(shape, dtype) for dtype, shape in plain["arrays"]]
        for array in arrays:
            if array.size:
                self.array(array)
        whole: dict[str, Any] = _with_arrays(plain["tree"], arrays)
        return whole

    def gather(self, array: Array) -> list[Array]:
        """An array of each process, by rank, of one shape and dtype; empty on helpers."""
        own = torch.from_numpy(array)
        into = [torch.empty_like(own) for _ in range(self.size)] if self.rank == 0 else None
        distributed.gather(own, into, 0)
        return [tensor.numpy() for tensor in into or []]

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """Of all processes, in place."""
        distributed.all_reduce(tensor)
        return tensor

    def leave(self) -> None:
        """End the group, when all are there; whoever still holds a part of it must let go before.

        What torch keeps in circles is collected first: its threads must not outlive the group.
        """
        gc.collect()
        distributed.barrier()
        distributed.destroy_process_group()


def _without_arrays(tree: Any, arrays: list[Array]) -> dict[str, Any]:  # noqa: ANN401 - a tree
    def walk(value: Any) -> Any:  # noqa: ANN401 - a tree
        if isinstance(value, np.ndarray):
            arrays.append(np.ascontiguousarray(value).reshape(value.shape))
            return {"array": len(arrays) - 1}
        if isinstance(value, dict):
            return {"dict": {key: walk(item) for key, item in value.items()}}
        if isinstance(value, float) and not isfinite(value):  # JSON has no such number
            return {"float": str(value)}
        return [walk(item) for item in value] if isinstance(value, list) else value

    plain = walk(tree)
    return {"tree": plain, "arrays": [[array.dtype.str, array.shape] for array in arrays]}


def _with_arrays(value: Any, arrays: list[Array]) -> Any:  # noqa: ANN401 - a tree
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in value]
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        if "float" in value:
            return float(value["float"])
        return {key: _with_arrays(item, arrays) for key, item in value["dict"].items()}
    return value
