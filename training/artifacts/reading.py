"""Reading bytes that a manifest vouches for: nobody parses them before their digest is right."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from blake3 import blake3

from training.artifacts.documents import MAX_DOCUMENT
from training.artifacts.segments import digest_of
from training.errors import IntegrityError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from training.artifacts.backend import Backend, Reader
    from training.artifacts.manifest import FileEntry, Manifest

_CHUNK = 2**20
"""Bytes that are digested while they are still in the processor's cache."""


_ASIDE = 16 * 2**20
"""From this size on, what was read is digested in a second thread while the first one reads on."""


class DamagedFileError(IntegrityError):
    """A file of a commit is not what its manifest says; the message names it."""


Buffer = TypeVar("Buffer", bytearray, memoryview)


def read_document(backend: Backend, path: str) -> bytes:
    """A whole document or manifest, not checked yet.

    Raises:
        NotFoundError: there is none.
        IntegrityError: it is larger than any that was written.
    """
    with backend.reader(path) as reader:
        if reader.size > MAX_DOCUMENT:
            raise IntegrityError(f"{path} has {reader.size} bytes; no document is that large")
        data = bytearray(reader.size)
        return bytes(data[: _fill(reader, [memoryview(data)])[0]])


def read_file(
    backend: Backend, path: str, entry: FileEntry, allocate: Callable[[int], Buffer]
) -> Buffer:
    """A whole file of a commit.

    Args:
        backend: where it is.
        path: of the file in the store.
        entry: what its manifest says.
        allocate: makes room for that many bytes.

    Raises:
        IntegrityError: it is missing or not what the manifest says.
    """
    with _opened(backend, path, entry) as reader:
        buffer = allocate(entry.size)
        view = memoryview(buffer)
        windows = (view[start : start + _CHUNK] for start in range(0, entry.size, _CHUNK))
        fill = _fill_aside if entry.size >= _ASIDE and _has_two_cores() else _fill
        _compare(path, entry, *fill(reader, windows))
    return buffer


def check_file(backend: Backend, path: str, entry: FileEntry) -> None:
    """The same without keeping the bytes.

    Raises:
        IntegrityError: it is missing or not what the manifest says.
    """
    view = memoryview(bytearray(min(_CHUNK, entry.size)))
    with _opened(backend, path, entry) as reader:
        windows = (view[: entry.size - start] for start in range(0, entry.size, _CHUNK))
        _compare(path, entry, *_fill(reader, windows))


class PieceReader:
    """Reads the pieces that lie beside a tree in its commit, each once."""

    def __init__(self, backend: Backend, manifest: Manifest) -> None:
        """Read what this manifest names."""
        self._backend = backend
        self._manifest = manifest
        self._left = set(manifest.files)

    def read(self, path: str, memory: memoryview) -> None:
        """Fill memory with a piece.

        Raises:
            IntegrityError: it is not there, is not of that size, was read before, or has another
                digest than its name.
        """
        entry = self._manifest.files.get(path)
        where = f"{self._manifest.path}/{path}"
        if entry is None or path not in self._left:
            raise _damaged(where, f"its manifest has it {'once' if entry else 'not'}")
        if entry.size != memory.nbytes or entry.digest != digest_of(path):
            raise _damaged(where, f"its manifest says {entry.size} bytes of {entry.digest}")
        self._left.remove(path)
        read_file(self._backend, self._manifest.place(entry), entry, lambda _: memory)


@contextmanager
def _opened(backend: Backend, path: str, entry: FileEntry) -> Iterator[Reader]:
    try:
        with backend.reader(path) as reader:
            if reader.size != entry.size:
                raise _damaged(path, f"{reader.size} bytes instead of {entry.size}")
            yield reader
    except NotFoundError:
        raise _damaged(path, "it is missing") from None


def _fill(reader: Reader, windows: Iterable[memoryview]) -> tuple[int, str]:
    """Read into one window after the other; returns how many bytes, and their digest."""
    hasher = blake3()
    total = 0
    for read in _read(reader, windows):
        hasher.update(read)
        total += len(read)
    return total, hasher.hexdigest()


def _fill_aside(reader: Reader, windows: Iterable[memoryview]) -> tuple[int, str]:
    """The same for windows that stay as they are.

    In a thread of its own: those of BLAKE3's pool do not exist in a process that is forked off.
    """
    hasher = blake3()
    with ThreadPoolExecutor(1, "digest") as aside:
        digesting = [
            (len(read), aside.submit(hasher.update, read)) for read in _read(reader, windows)
        ]
    for _, done in digesting:
        done.result()
    return sum(size for size, _ in digesting), hasher.hexdigest()


def _has_two_cores() -> bool:
    """On one core the two threads would only wait for each other."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) > 1
    return (os.cpu_count() or 1) > 1


def _read(reader: Reader, windows: Iterable[memoryview]) -> Iterator[memoryview]:
    for window in windows:
        rest = window
        while rest and (size := reader.readinto(rest)):
            yield rest[:size]
            rest = rest[size:]


def _compare(path: str, entry: FileEntry, size: int, digest: str) -> None:
    if (size, digest) != (entry.size, entry.digest):
        raise _damaged(path, f"its digest is {digest}, its manifest says {entry.digest}")


def _damaged(path: str, what: str) -> DamagedFileError:
    return DamagedFileError(
        f"{path} is damaged: {what}; bring it back from a backup of the storage, or remove it"
    )
