"""Directories of a store on disk, reached step by step from the root: no link is followed."""

from __future__ import annotations

import errno
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from training.artifacts import fs
from training.artifacts.names import MANIFEST
from training.errors import ExistsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts.backend import Parts


class Folders:
    """Opens directories below a root; makes them, durably, when something is to be written."""

    def __init__(self, root: str) -> None:
        """Work below this absolute path; nothing is made before `make`."""
        self.root = root
        self._durable: set[Parts] = set()

    @contextmanager
    def open(self, parts: Parts) -> Iterator[int]:
        """An open directory.

        Raises:
            FileNotFoundError: it is not there.
            StorageError: there is a link on the way.
        """
        with ExitStack() as stack:
            directory = stack.enter_context(opened(fs.open_root(self.root)))
            for name in parts:
                directory = stack.enter_context(opened(_enter(name, directory)))
            yield directory

    @contextmanager
    def make(self, parts: Parts, *, durable: bool = True) -> Iterator[int]:
        """An open directory that is there from now on.

        A directory that somebody else made is synced too, once: whoever made it may have died
        before it was durable.
        """
        with ExitStack() as stack:
            directory = stack.enter_context(opened(self._root(durable=durable)))
            for depth, name in enumerate(parts, 1):
                made = _make(name, directory)
                if durable and (made or parts[:depth] not in self._durable):
                    fs.sync(directory)
                    self._durable.add(parts[:depth])
                directory = stack.enter_context(opened(_enter(name, directory)))
                if exists(MANIFEST, directory):
                    raise ExistsError(
                        f"{'/'.join(parts[:depth])} is a commit, and nothing is ever added to one; "
                        "take another path"
                    )
            yield directory

    @contextmanager
    def explained(self, action: str) -> Iterator[None]:
        """Turn an error of the system into one of ours, which says what was tried and where."""
        try:
            yield
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _link(str(error.filename)) from error
            raise StorageError(
                f"cannot {action} in {self.root}: {error.strerror} "
                f"({errno.errorcode.get(error.errno or 0, 'unknown')}); nothing that was there "
                "before is harmed: see to the disk and run it again"
            ) from error

    def _root(self, *, durable: bool) -> int:
        with suppress(FileNotFoundError):
            return fs.open_root(self.root)
        _make_root(self.root, durable=durable)
        return fs.open_root(self.root)


@contextmanager
def opened(file: int) -> Iterator[int]:
    """Close a file or directory at the end; an error of the close is an error."""
    try:
        yield file
    finally:
        fs.close(file)


def exists(name: str, inside: int) -> bool:
    """Whether there is anything of that name."""
    try:
        fs.kind(name, inside)
    except FileNotFoundError:
        return False
    return True


def delete(name: str, inside: int) -> None:
    """Delete a file, or a directory with all that is in it, while others may be doing the same."""
    with suppress(FileNotFoundError):
        if fs.kind(name, inside) != "directory":
            fs.unlink(name, inside)
            return
        with opened(fs.open_directory(name, inside)) as directory:
            for child in fs.names(directory):
                delete(child, directory)
        fs.remove_directory(name, inside)


def _enter(name: str, inside: int) -> int:
    """Open a directory on the way to another one."""
    try:
        return fs.open_directory(name, inside)
    except OSError as error:
        if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
            raise
        if fs.kind(name, inside) == "other":
            raise _link(name) from None
        raise FileNotFoundError(errno.ENOTDIR, "it is a file, not a directory", name) from None


def _link(name: str) -> StorageError:
    return StorageError(
        f"{name!r} is a link, which a store never follows: put there what it points to"
    )


def _make(name: str, inside: int) -> bool:
    try:
        fs.make_directory(name, inside)
    except FileExistsError:
        return False
    return True


def _make_root(path: str, *, durable: bool) -> None:
    parent = str(Path(path).parent)
    try:
        fs.make_root(path)
    except FileExistsError:
        return  # another process was quicker
    except FileNotFoundError:
        if Path(parent).exists():
            raise  # a place where nothing can be made, such as /proc
        _make_root(parent, durable=durable)
        _make_root(path, durable=durable)
        return
    if durable:
        with opened(fs.open_root(parent)) as directory:
            fs.sync(directory)
