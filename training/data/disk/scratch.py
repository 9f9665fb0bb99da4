"""Arrays in files that have no name: whatever ends the process, nothing is left behind."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from training.types import Array


def scratch(shape: tuple[int, ...], dtype: Any, folder: str) -> Array:  # noqa: ANN401 - whatever NumPy takes
    """An array that is mapped into memory, all zeros at first, without a byte written.

    Args:
        shape: of the array.
        dtype: of the array.
        folder: on which disk.
    """
    if 0 in shape:
        return np.zeros(shape, dtype)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(size)
        return np.asarray(np.memmap(file, dtype=dtype, mode="r+", shape=shape))
