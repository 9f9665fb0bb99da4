"""Trees of arrays and plain values as safetensors files, to the byte the same for equal trees.

The format is that of https://github.com/huggingface/safetensors: eight bytes with the length of
the header, the header in JSON, the arrays. An array's name is its path in the tree
(`weights/layer0.weight`; in a key, `~` is written `~0` and `/` is written `~1`). All other values
stand packed (see `training.artifacts.values`) under `tree` in the header's `__metadata__`, which
a tree of nothing but nested dicts of arrays does without.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from blake3 import blake3

from training.artifacts.values import MAX_DEPTH, canonical, pack, unpack
from training.errors import IntegrityError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from training.types import Array, StateTree

MAX_HEADER = 16 * 2**20
"""Bytes. Whatever is larger than that belongs into an array."""

_LENGTH_BYTES = 8
_ALIGNMENT = 64
_MAX_DIMENSIONS = 64  # NumPy's own bound
_METADATA = "__metadata__"
_DTYPES = {
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
_CODES = {dtype: code for code, dtype in _DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A safetensors file that is not written yet; contiguous arrays are not copied.

    Attributes:
        header: the file up to the first array.
        arrays: what follows, in this order.
    """

    header: bytes
    arrays: tuple[Array, ...]

    @property
    def nbytes(self) -> int:
        """Size of the file in bytes."""
        return len(self.header) + sum(array.nbytes for array in self.arrays)

    def buffers(self) -> Iterator[bytes | memoryview]:
        """The bytes of the file, piece by piece."""
        yield self.header
        for array in self.arrays:
            if array.size:
                little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
                yield little.reshape(-1).view(np.uint8).data

    def digest(self) -> str:
        """`blake3:` and the digest of the file's bytes."""
        hasher = blake3(max_threads=blake3.AUTO)
        for buffer in self.buffers():
            hasher.update(buffer)
        return f"blake3:{hasher.hexdigest()}"


def encode(tree: Mapping[str, StateTree]) -> Encoded:
    """A tree as a safetensors file.

    The order of keys, the layout and the byte order of arrays leave no trace in it. Arrays are
    looked at again when the file is written: they must not change before.

    Raises:
        StorageError: something in it cannot come back as it is; its path is named.
    """
    arrays: dict[str, Array] = {}
    packed = pack(tree, lambda path, array: arrays.update({_name(path): _checked(path, array)}))
    header: dict[str, Any] = {}
    if not _is_told_by_names(packed):
        header[_METADATA] = {"tree": canonical(packed).decode()}
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))  # keeps all aligned
    end = 0
    for name in names:
        start, end = end, end + arrays[name].nbytes
        code = _CODES[arrays[name].dtype.newbyteorder("<")]
        header[name] = {"dtype": code, "shape": arrays[name].shape, "data_offsets": [start, end]}
    return Encoded(_framed(canonical(header)), tuple(arrays[name] for name in names))


def digest(tree: Mapping[str, StateTree]) -> str:
    """`blake3:` and the digest of the encoded tree: equal trees, equal digest.

    Raises:
        StorageError: something in it cannot be encoded.
    """
    return encode(tree).digest()


def decode(data: bytes | bytearray | memoryview, where: str) -> dict[str, StateTree]:
    """The tree of a safetensors file, ours or any other.

    Args:
        data: the file. The arrays lie in it, without a copy; writable if it is.
        where: what an error names.

    Raises:
        IntegrityError: it is not a well-formed file.
    """
    try:
        return _decoded(memoryview(data).cast("B"))
    except IntegrityError as error:
        raise IntegrityError(f"{where} is no safetensors file of ours: {error}") from None


def _decoded(data: memoryview) -> dict[str, StateTree]:
    header, body = _split(data)
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict):
        raise IntegrityError(f"{_METADATA} is no object")
    arrays = _arrays(header, body)
    if "tree" not in metadata:
        return _nested(arrays)
    tree = unpack(_parsed(metadata["tree"]), lambda path: _taken(arrays, _name(path)))
    if arrays:
        raise IntegrityError(f"the array {min(arrays)!r} has no place in the tree")
    if not isinstance(tree, dict):
        raise IntegrityError("the tree is no object")
    return tree


def _checked(path: tuple[str, ...], array: Array) -> Array:
    if array.dtype.newbyteorder("<") not in _CODES:
        raise StorageError(
            f"the array {'/'.join(path)!r} has the type {array.dtype}, which cannot be stored; "
            f"expected one of {', '.join(str(dtype) for dtype in _CODES)}"
        )
    if _name(path) == _METADATA:
        raise StorageError(f"an array cannot be called {_METADATA!r}; give it another name")
    return array


def _name(path: tuple[str, ...]) -> str:
    return "/".join(key.replace("~", "~0").replace("/", "~1") for key in path)


def _is_told_by_names(packed: dict[str, Any]) -> bool:
    """Whether the names of the arrays alone say what the tree is."""
    return all(
        item == {"$array": 0} or (isinstance(item, dict) and item and _is_told_by_names(item))
        for item in packed.values()
    )


def _framed(header: bytes) -> bytes:
    if len(header) > MAX_HEADER:
        raise StorageError(
            f"the values beside the arrays take {len(header)} bytes; at most {MAX_HEADER} can be "
            "stored: put long lists into arrays"
        )
    padding = -(_LENGTH_BYTES + len(header)) % _ALIGNMENT
    length = len(header) + padding
    return length.to_bytes(_LENGTH_BYTES, "little") + header + b" " * padding


def _split(data: memoryview) -> tuple[dict[str, Any], memoryview]:
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < _LENGTH_BYTES or length > min(MAX_HEADER, len(data) - _LENGTH_BYTES):
        raise IntegrityError(f"a header of {length} bytes in a file of {len(data)}")
    end = _LENGTH_BYTES + length
    header = _parsed(bytes(data[_LENGTH_BYTES:end]))
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
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:  # noqa: PLR2004 - begin and end
        raise IntegrityError(f"the array {name!r} has the offsets {str(offsets)[:100]}")
    return offsets[0], offsets[1]


def _array(name: str, entry: dict[str, Any], data: memoryview) -> Array:
    code, shape = entry["dtype"], entry["shape"]
    dtype = _DTYPES.get(code) if isinstance(code, str) else None
    if dtype is None:
        raise IntegrityError(f"the array {name!r} has the unknown type {str(code)[:100]!r}")
    if not _are_sizes(shape) or len(shape) > _MAX_DIMENSIONS:
        raise IntegrityError(f"the array {name!r} has the shape {str(shape)[:100]}")
    if prod(shape) * dtype.itemsize != len(data):
        raise IntegrityError(f"the array {name!r} has {len(data)} bytes, not those of its shape")
    try:
        if not len(data):
            return np.empty(shape, dtype)
        return np.frombuffer(data, dtype).reshape(shape)
    except (ValueError, OverflowError) as error:
        raise IntegrityError(f"the array {name!r} cannot have its shape: {error}") from None


def _are_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


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
