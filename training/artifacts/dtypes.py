"""The types of arrays that can be stored, by their code in a safetensors file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.errors import StorageError

if TYPE_CHECKING:
    from training.types import Array

DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
MAX_DIMENSIONS = 64
"""NumPy's own bound."""

_CODES = {dtype: code for code, dtype in DTYPES.items()}


def code_of(array: Array, name: str) -> str:
    """The code of an array's type; its byte order leaves no trace.

    Args:
        array: any.
        name: what an error calls it.

    Raises:
        StorageError: the type cannot be stored.
    """
    code = _CODES.get(array.dtype.newbyteorder("<"))
    if code is None:
        raise StorageError(
            f"the array {name!r} has the type {array.dtype}, which cannot be stored; "
            f"expected one of {', '.join(str(dtype) for dtype in _CODES)}"
        )
    return code


def are_sizes(value: object) -> bool:
    """Whether this is a list of whole numbers from 0 on, and of nothing that only looks so."""
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def bytes_of(array: Array) -> memoryview:
    """Its bytes in little-endian order, row by row; not copied if they lie so already."""
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    return little.reshape(-1).view(np.uint8).data
