"""Trees of arrays and plain values as safetensors files, to the byte the same for equal trees.

The format is that of https://github.com/huggingface/safetensors: eight bytes with the length of
the header, the header in JSON, the arrays. An array's name is its path in the tree
(`weights/layer0.weight`; in a key, `~` is written `~0` and `/` is written `~1`). All other values
stand packed (see `training.artifacts.values`) under `tree` in the header's `__metadata__`, which
a tree of nothing but nested dicts of arrays does without. The pieces of a segmented array may lie
beside the file (see `training.artifacts.segments`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from training.artifacts.dtypes import bytes_of, code_of
from training.artifacts.segments import split
from training.artifacts.values import canonical, pack
from training.errors import StorageError
from training.types import Segmented

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from training.artifacts.segments import Piece
    from training.types import Array, StateTree

MAX_HEADER = 16 * 2**20
"""Bytes. Whatever is larger than that belongs into an array."""

LENGTH_BYTES = 8
_ALIGNMENT = 64
METADATA = "__metadata__"


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
                yield bytes_of(array)

    def digest(self) -> str:
        """`blake3:` and the digest of the file's bytes.

        In one thread: those of BLAKE3's own pool do not exist in a process that is forked off
        later, which would wait for them for ever.
        """
        hasher = blake3()
        for buffer in self.buffers():
            hasher.update(buffer)
        return f"blake3:{hasher.hexdigest()}"


def encode(tree: Mapping[str, StateTree], pieces: dict[str, Piece] | None = None) -> Encoded:
    """A tree as a safetensors file.

    The order of keys, the layout and the byte order of arrays leave no trace in it. Arrays are
    looked at again when the file is written: they must not change before.

    Args:
        tree: dicts, lists, arrays and plain values.
        pieces: those of segmented arrays are added here, by their path in the commit that the file
            will be in; None: the file holds such arrays as a whole.

    Raises:
        StorageError: something in it cannot come back as it is; its path is named.
    """
    arrays: dict[str, Array] = {}

    def keep(path: tuple[str, ...], array: Array | Segmented) -> object:
        if isinstance(array, Segmented):
            if pieces is not None:
                return split(array, "/".join(path), pieces)
            array = array.array
        arrays[tensor_name(path)] = _checked(path, array)
        return 0

    packed = pack(tree, keep)
    header: dict[str, Any] = {}
    if not _is_told_by_names(packed):
        header[METADATA] = {"tree": canonical(packed).decode()}
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))  # keeps all aligned
    end = 0
    for name in names:
        start, end = end, end + arrays[name].nbytes
        code = code_of(arrays[name], name)
        header[name] = {"dtype": code, "shape": arrays[name].shape, "data_offsets": [start, end]}
    return Encoded(_framed(canonical(header)), tuple(arrays[name] for name in names))


def digest(tree: Mapping[str, StateTree]) -> str:
    """`blake3:` and the digest of the encoded tree: equal trees, equal digest.

    Raises:
        StorageError: something in it cannot be encoded.
    """
    return encode(tree).digest()


def _checked(path: tuple[str, ...], array: Array) -> Array:
    code_of(array, "/".join(path))
    if tensor_name(path) == METADATA:
        raise StorageError(f"an array cannot be called {METADATA!r}; give it another name")
    return array


def tensor_name(path: tuple[str, ...]) -> str:
    """What the array at a path of the tree is called in the file."""
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
    padding = -(LENGTH_BYTES + len(header)) % _ALIGNMENT
    length = len(header) + padding
    return length.to_bytes(LENGTH_BYTES, "little") + header + b" " * padding
