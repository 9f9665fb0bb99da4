"""Safetensors files back into trees: each byte of the header is suspected, no array is copied."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from training.artifacts.dtypes import DTYPES, MAX_DIMENSIONS, are_sizes
from training.artifacts.reading import DamagedFileError
from training.artifacts.segments import join
from training.artifacts.tensors import LENGTH_BYTES, MAX_HEADER, METADATA, tensor_name
from training.artifacts.values import MAX_DEPTH, unpack
from training.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array, StateTree

    ReadPiece = Callable[[str, memoryview], None]


def decode(
    data: bytes | bytearray | memoryview, where: str, read_piece: ReadPiece | None = None
) -> dict[str, StateTree]:
    """The tree of a safetensors file, ours or any other.

    Args:
        data: the file. The arrays lie in it, without a copy; writable if it is.
        where: what an error names.
        read_piece: reads the pieces of segmented arrays (see `training.artifacts.segments.join`);
            None: there may be none.

    Raises:
        IntegrityError: it is not a well-formed file.
    """
    try:
        return _decoded(memoryview(data).cast("B"), read_piece)
    except DamagedFileError:
        raise  # of a piece: it names that file
    except IntegrityError as error:
        raise IntegrityError(f"{where} is no safetensors file of ours: {error}") from None


def _decoded(data: memoryview, read_piece: ReadPiece | None) -> dict[str, StateTree]:
    header, body = _split(data)
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict):
        raise IntegrityError(f"{METADATA} is no object")
    arrays = _arrays(header, body)
    if "tree" not in metadata:
        return _nested(arrays)

    def find(path: tuple[str, ...], said: object) -> Array:
        name = tensor_name(path)
        if type(said) is int and said == 0:
            return _taken(arrays, name)
        if read_piece is None:
            raise IntegrityError(f"the array {name!r} is kept in pieces, which only commits have")
        return join(said, name, read_piece)

    tree = unpack(_parsed(metadata["tree"]), find)
    if arrays:
        raise IntegrityError(f"the array {min(arrays)!r} has no place in the tree")
    if not isinstance(tree, dict):
        raise IntegrityError("the tree is no object")
    return tree


def _split(data: memoryview) -> tuple[dict[str, Any], memoryview]:
    length = int.from_bytes(data[:LENGTH_BYTES], "little")
    if len(data) < LENGTH_BYTES or length > min(MAX_HEADER, len(data) - LENGTH_BYTES):
        raise IntegrityError(f"a header of {length} bytes in a file of {len(data)}")
    end = LENGTH_BYTES + length
    header = _parsed(bytes(data[LENGTH_BYTES:end]))
    if not isinstance(header, dict):
        raise IntegrityError("the header is no object")
    return header, data[end:]


def _parsed(text: object) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(text, (bytes, str)):
        raise IntegrityError("the tree is no text")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise IntegrityError(f"the header is no JSON: {error}") from None


def _arrays(header: dict[str, Any], body: memoryview) -> dict[str, Array]:
    """Views of all arrays; they must lie side by side and fill the file."""
    arrays = {}
    expected = 0
    for name, entry in sorted(header.items(), key=lambda item: _offsets(*item)):
        start, end = _offsets(name, entry)
        if start != expected or end > len(body):
            raise IntegrityError(f"the array {name!r} lies at {start} to {end}, not at {expected}")
        arrays[name] = _array(name, entry, body[start:end])
        expected = end
    if expected != len(body):
        raise IntegrityError(f"the arrays end at {expected} and the file at {len(body)}")
    return arrays


def _offsets(name: str, entry: object) -> tuple[int, int]:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise IntegrityError(f"the array {name!r} is not described as it must be")
    offsets = entry["data_offsets"]
    if not are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:  # noqa: PLR2004 - begin and end
        raise IntegrityError(f"the array {name!r} has the offsets {str(offsets)[:100]}")
    return offsets[0], offsets[1]


def _array(name: str, entry: dict[str, Any], data: memoryview) -> Array:
    code, shape = entry["dtype"], entry["shape"]
    dtype = DTYPES.get(code) if isinstance(code, str) else None
    if dtype is None:
        raise IntegrityError(f"the array {name!r} has the unknown type {str(code)[:100]!r}")
    if not are_sizes(shape) or len(shape) > MAX_DIMENSIONS:
        raise IntegrityError(f"the array {name!r} has the shape {str(shape)[:100]}")
    if prod(shape) * dtype.itemsize != len(data):
        raise IntegrityError(f"the array {name!r} has {len(data)} bytes, not those of its shape")
    try:
        if not len(data):
            return np.empty(shape, dtype)
        return np.frombuffer(data, dtype).reshape(shape)
    except (ValueError, OverflowError) as error:
        raise IntegrityError(f"the array {name!r} cannot have its shape: {error}") from None


def _nested(arrays: dict[str, Array]) -> dict[str, StateTree]:
    """The tree that the names of the arrays tell."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *folders, last = (key.replace("~1", "/").replace("~0", "~") for key in name.split("/"))
        if len(folders) >= MAX_DEPTH:
            raise IntegrityError(f"the array {name[:200]!r} is nested too deep")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
            if not isinstance(place, dict):
                raise IntegrityError(f"the array {name!r} lies inside another array")
        if last in place:
            raise IntegrityError(f"the array {name!r} is a group of arrays too")
        place[last] = array
    return tree


def _taken(arrays: dict[str, Array], name: str) -> Array:
    if name not in arrays:
        raise IntegrityError(f"the array {name!r} is missing")
    return arrays.pop(name)
