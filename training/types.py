"""Words that every floor shares: a batch, metrics, and whatever has memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Metrics: TypeAlias = Mapping[str, float]
StateTree: TypeAlias = (
    "dict[str, StateTree] | list[StateTree] | Array | Segmented | str | float | bool | None"
)
"""Nested dicts and lists of arrays and plain values: what a checkpoint can hold."""

TaskKind: TypeAlias = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """A large array of which little changes from one checkpoint to the next: a replay buffer.

    It stands in a state in place of the array. A checkpoint keeps it in pieces, and a piece that
    the checkpoint before it has too is not written again. What is loaded is a plain array.

    Attributes:
        array: at least one dimension.
        rows: of a piece, along the first axis. About a megabyte is a good size: each piece that
            changed takes a sync of its own, and each that did not a few microseconds.
    """

    array: Array
    rows: int


class Batch(NamedTuple):
    """Rows that a model takes one step on.

    Attributes:
        x: inputs, shape (rows, features) or (rows, window, features).
        y: targets, shape (rows,) or (rows, outputs).
        weight: how much each row counts, shape (rows,); None: all the same.
    """

    x: Array
    y: Array
    weight: Array | None = None

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.x)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a model must know about its task to be built, and to be built again.

    Attributes:
        inputs: number of features.
        outputs: number of outputs (1 for `binary` and for one regression target).
        task: what the targets are.
        dtype: `float32` or `float64`, of the features and of the weights.
        seed: where the initial weights come from.
        epochs: the planned number, which learning-rate schedules follow.
        batches_per_epoch: the planned number, which learning-rate schedules follow.
        window: rows that the model sees at once; None: a row alone.
    """

    inputs: int
    outputs: int = 1
    task: TaskKind = "regression"
    dtype: Literal["float32", "float64"] = "float32"
    seed: int = 0
    epochs: int = 1
    batches_per_epoch: int = 1
    window: int | None = None

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of what a prediction is made of: (inputs,) or (window, inputs)."""
        return (self.inputs,) if self.window is None else (self.window, self.inputs)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The same as a NumPy dtype."""
        return np.dtype(self.dtype)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a manifest; `ModelSpec(**spec.to_json())` gives it back."""
        return asdict(self)


@runtime_checkable
class Stateful(Protocol):
    """Has memory that a checkpoint must hold (the contract of torch and ignite)."""

    def state_dict(self) -> dict[str, Any]:
        """A copy of the memory: nested dicts and lists of arrays and plain values."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a memory that `state_dict` gave, here or in another process."""
        ...
