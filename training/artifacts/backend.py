"""What the store needs of a place to keep things, and how files are digested on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from blake3 import blake3

from training.artifacts.manifest import ALGORITHM, FileEntry
from training.artifacts.segments import Piece
from training.artifacts.tensors import Encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


Content: TypeAlias = "Encoded | Piece | bytes | bytearray | memoryview"
Parts: TypeAlias = "tuple[str, ...]"

_ASIDE = 4 * 2**20
"""From this size on, a file is digested in a second thread while the first one writes."""


class Stage(Protocol):
    """Files that nobody sees yet."""

    data: str
    """For the manifest: where the files will lie; empty: beside it."""

    def add(self, path: str, content: Content) -> FileEntry:
        """Write a file to the end, durably; digest it on the way.

        A piece that the store holds already is not written again, where that can be.
        """
        ...

    def publish(self, path: str, manifest: bytes) -> None:
        """Make all files visible at once, durably, and the manifest last.

        Raises:
            ExistsError: the path is taken; another one can be tried.
        """
        ...


class Stored(NamedTuple):
    """A file as it takes room.

    Attributes:
        identity: the same for all names of a file.
        names: how many it has in all; without the last it takes no room any more.
        size: in bytes.
    """

    identity: str
    names: int
    size: int


class Reader(Protocol):
    """An open file."""

    size: int

    def readinto(self, buffer: memoryview) -> int:
        """Read some bytes; returns how many, 0 at the end."""
        ...


class Backend(Protocol):
    """A local disk, or objects. Paths are checked before they come here.

    Every method raises StorageError when the storage refuses or fails.
    """

    def stage(self) -> AbstractContextManager[Stage]:
        """Begin a commit; what is not published at the end is thrown away."""
        ...

    def create(self, path: str, data: bytes) -> None:
        """Write a small file whole and durably; ExistsError if the path is taken."""
        ...

    def replace(self, path: str, data: bytes, *, durable: bool) -> None:
        """Write a small file whole, over one that may be there."""
        ...

    def drafting(self) -> AbstractContextManager[None]:
        """Many a `replace` that need not be durable is to come, until the end."""
        ...

    def reader(self, path: str) -> AbstractContextManager[Reader]:
        """Open a file; NotFoundError if there is none."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is a file or a directory."""
        ...

    def children(self, path: str) -> list[str]:
        """Names of what lies in a directory, sorted; none when there is no such directory."""
        ...

    def names(self, path: str) -> list[str]:
        """All names at a path, in any order: what each is, is not looked at."""
        ...

    def stamps(self, path: str) -> dict[str, str]:
        """Names of commits and documents at a path, each with what changes when it is another."""
        ...

    def folder_stamp(self, path: str) -> str | None:
        """What changes with every commit that comes or goes at a path; None: nothing is sure to."""
        ...

    def walk(self, path: str) -> Iterator[tuple[str, bool]]:
        """Every path at or below this one, and whether it is a regular file.

        Directories are not told, hidden names are not entered.
        """
        ...

    def stored(self, path: str) -> Iterator[Stored]:
        """Every file that `remove` would take away, once for each of its names there."""
        ...

    def remove(self, path: str, *, durable: bool) -> None:
        """Take a file or directory away at once, then delete it; nothing happens if it is gone."""
        ...

    def quarantine(self, path: str) -> str:
        """Move a file or directory aside; returns where. NotFoundError if there is none."""
        ...

    def aside(self) -> list[str]:
        """Every file that lies where `quarantine` moved it."""
        ...

    def clear_aside(self) -> None:
        """Delete them."""
        ...

    def sweep(self, *, dry_run: bool = False) -> list[str]:
        """Delete what dead processes left, or only look; returns what."""
        ...

    def orphans(self) -> list[str]:
        """Files that no commit will ever name, and that `sweep` cannot tell."""
        ...

    def remove_orphans(self) -> None:
        """Delete them."""
        ...

    def lock(self, path: str) -> AbstractContextManager[None]:
        """Keep other processes out; BusyError if one is in."""
        ...


def size_of(content: Content) -> int:
    """Bytes that a file will have."""
    content = content.data if isinstance(content, Piece) else content
    return content.nbytes if isinstance(content, (Encoded, memoryview)) else len(content)


def buffers_of(content: Content) -> Iterator[memoryview]:
    """The bytes of a file, piece by piece."""
    content = content.data if isinstance(content, Piece) else content
    buffers = content.buffers() if isinstance(content, Encoded) else [content]
    return (memoryview(buffer).cast("B") for buffer in buffers)


def entry_of(path: str, content: Content, write: Callable[[], None]) -> FileEntry:
    """Write a file and digest it, at the same time where that is worth a thread.

    Args:
        path: of the file in its commit.
        content: its bytes.
        write: writes them.
    """
    if isinstance(content, Piece):
        write()
        return piece_entry(path, content)
    size = size_of(content)
    if size < _ASIDE:
        write()
        digest = _digest(content)
    else:
        with ThreadPoolExecutor(1, "digest") as aside:
            digesting = aside.submit(_digest, content)
            write()
            digest = digesting.result()
    file_format = "safetensors" if isinstance(content, Encoded) else "bytes"
    return FileEntry(path, size, ALGORITHM, digest, file_format)


def piece_entry(path: str, piece: Piece) -> FileEntry:
    """What a manifest says of a piece, which was digested before."""
    return FileEntry(path, piece.data.nbytes, ALGORITHM, piece.digest, "bytes")


def _digest(content: Content) -> str:
    hasher = blake3()
    for buffer in buffers_of(content):
        hasher.update(buffer)
    return str(hasher.hexdigest())
