"""Large arrays in pieces of so many rows, each named by its content: what did not change is shared.

In a tree such an array stands as `{"$array": {"dtype", "shape", "rows", "pieces"}}`, and each piece
lies beside the tree as `segments/DIGEST` (the second of equal ones as `segments/DIGEST.2`, so that
no array is larger than the files that it is read from). A piece that an earlier commit has is not
written again: on disk it is a hard link, on objects a copy that the storage makes. So a commit is
whole by itself, whatever becomes of the others, and nobody has to count references.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from blake3 import blake3

from training.artifacts.dtypes import DTYPES, MAX_DIMENSIONS, are_sizes, bytes_of, code_of
from training.errors import IntegrityError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.types import Array, Segmented

FOLDER = "segments"
MAX_PIECES = 16384
"""Of one array: each takes a file, and a line of the manifest."""

_NAME = re.compile(r"[0-9a-f]{64}(\.[1-9][0-9]{0,5})?")
_KEYS = {"dtype", "shape", "rows", "pieces"}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of an array, as a file of a commit.

    Attributes:
        data: their bytes.
        digest: of them, in hexadecimal.
        held: where in the store they lie already, in a commit that was made or verified by this
            process; empty: nowhere that is known.
    """

    data: memoryview
    digest: str
    held: str = ""


def split(segmented: Segmented, where: str, pieces: dict[str, Piece]) -> dict[str, Any]:
    """What stands in the tree for an array that is kept in pieces.

    Args:
        segmented: the array, which must not change before its pieces are written.
        where: its path in the tree, for errors.
        pieces: are added here, by their path in the commit.

    Raises:
        StorageError: it cannot be cut, or has a type that cannot be stored.
    """
    code = code_of(segmented.array, where)
    names = []
    for rows in _cut(segmented, where):
        data = bytes_of(rows)
        digest = blake3(data).hexdigest()
        names.append(_free_name(digest, pieces))
        pieces[f"{FOLDER}/{names[-1]}"] = Piece(data, digest)
    shape = list(segmented.array.shape)
    return {"dtype": code, "shape": shape, "rows": segmented.rows, "pieces": names}


def join(described: object, where: str, read: Callable[[str, memoryview], None]) -> Array:
    """The array that `split` cut.

    Args:
        described: what stands in the tree.
        where: its path there, for errors.
        read: fills memory with a file of the commit, or raises IntegrityError: it is not there, is
            not of that size, was read before, or has another digest than its name.

    Raises:
        IntegrityError: it is not described as `split` does it, or a piece is not as it was.
    """
    array, step, names = _room(described, where)
    body = array.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")
    for number, name in enumerate(names):
        read(f"{FOLDER}/{name}", body[number * step : (number + 1) * step])
    return array


def digest_of(path: str) -> str:
    """The digest that the name of a piece's file says."""
    return path.rpartition("/")[2].partition(".")[0]


def _cut(segmented: Segmented, where: str) -> Iterator[Array]:
    array, rows = segmented.array, segmented.rows
    if type(rows) is not int or rows < 1 or not array.ndim:
        raise StorageError(
            f"{where!r} of shape {array.shape} cannot be kept in pieces of {rows!r} rows; expected "
            "at least one dimension and one row"
        )
    many = _number(array.shape, rows)
    if many > MAX_PIECES:
        raise StorageError(
            f"{where!r} would be {many} pieces of {rows} rows; at most {MAX_PIECES} can be stored: "
            "take more rows for each"
        )
    return (array[number * rows : (number + 1) * rows] for number in range(many))


def _number(shape: tuple[int, ...], rows: int) -> int:
    return -(-shape[0] // rows) if prod(shape) else 0


def _free_name(digest: str, pieces: dict[str, Piece]) -> str:
    number, name = 1, digest
    while f"{FOLDER}/{name}" in pieces:
        number += 1
        name = f"{digest}.{number}"
    return name


def _room(described: object, where: str) -> tuple[Array, int, list[str]]:
    """Memory for an array that nobody has filled yet, the bytes of a piece, and their names."""
    if not isinstance(described, dict) or described.keys() != _KEYS:
        raise IntegrityError(f"the array {where!r} is not described as it must be")
    code, shape, rows, names = (described[key] for key in ("dtype", "shape", "rows", "pieces"))
    dtype = DTYPES.get(code) if isinstance(code, str) else None
    if dtype is None or not are_sizes([rows]) or not rows:
        raise IntegrityError(f"the array {where!r} is of {str(code)[:100]!r} by {str(rows)[:100]}")
    if not are_sizes(shape) or not 0 < len(shape) <= MAX_DIMENSIONS:
        raise IntegrityError(f"the array {where!r} has the shape {str(shape)[:100]}")
    if not isinstance(names, list) or not all(map(_is_name, names)):
        raise IntegrityError(f"the array {where!r} has pieces of other names than digests")
    if len(names) != _number(tuple(shape), rows):
        raise IntegrityError(f"the array {where!r} has {len(names)} pieces, not those of its shape")
    try:
        return np.empty(shape, dtype), rows * prod(shape[1:]) * dtype.itemsize, names
    except (ValueError, OverflowError, MemoryError) as error:
        raise IntegrityError(f"the array {where!r} cannot have its shape: {error}") from None


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None
