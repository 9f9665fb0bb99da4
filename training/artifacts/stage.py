"""Where a commit on disk is written before anybody sees it, and what becomes of dead ones."""

from __future__ import annotations

import errno
import os
import secrets
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from training.artifacts import fs
from training.artifacts.backend import buffers_of, entry_of, piece_entry, size_of
from training.artifacts.folders import delete, exists, opened
from training.artifacts.links import linked
from training.artifacts.names import MANIFEST, taken
from training.artifacts.segments import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.artifacts.backend import Content
    from training.artifacts.folders import Folders
    from training.artifacts.manifest import FileEntry

STAGE = ".stage"
TRASH = ".trash"

_PAYLOAD = "commit"
_RESERVE = 8 * 2**20
"""From this size on, space is reserved before a file is written."""
_FOREIGN_AGE = 24 * 3600.0
"""Seconds after which a stage of another machine is taken for dead; a commit takes minutes."""


class DiskStage:
    """A directory that becomes a commit by one rename."""

    data = ""

    def __init__(self, folders: Folders, private: int, inside: int) -> None:
        """Write into `inside`, which lies in `private`."""
        self._folders = folders
        self._private = private
        self._inside = inside
        self._directories: set[tuple[str, ...]] = set()

    def add(self, path: str, content: Content) -> FileEntry:
        """Write a file, sync it, close it; digest it on the way."""
        *folder, name = path.split("/")
        with self._subdirectory(tuple(folder)) as directory:
            if isinstance(content, Piece) and linked(self._folders, content, name, directory):
                return piece_entry(path, content)
            return entry_of(path, content, lambda: write_file(name, directory, content))

    def publish(self, path: str, manifest: bytes) -> None:
        """Manifest, sync of all directories, rename, sync of the parent: in this order."""
        *folder, name = path.split("/")
        with self._folders.make(tuple(folder)) as parent:
            if exists(name, parent):
                raise taken(path)
            delete(MANIFEST, self._inside)  # of a path that was tried before
            write_file(MANIFEST, self._inside, manifest)
            for directory in sorted(self._directories, reverse=True):
                with self._subdirectory(directory) as opened_directory:
                    fs.sync(opened_directory)
            fs.sync(self._inside)
            move(_PAYLOAD, self._private, name, parent, path)

    @contextmanager
    def _subdirectory(self, folder: tuple[str, ...]) -> Iterator[int]:
        with ExitStack() as stack:
            inside = self._inside
            for depth, name in enumerate(folder, 1):
                if folder[:depth] not in self._directories:
                    fs.make_directory(name, inside)
                    self._directories.add(folder[:depth])
                inside = stack.enter_context(opened(fs.open_directory(name, inside)))
            yield inside


def write_file(name: str, inside: int, content: Content, *, durable: bool = True) -> None:
    """Make a file and write it to the end, durably unless that is not wanted."""
    size = size_of(content)
    with opened(fs.create_file(name, inside)) as file:
        if size >= _RESERVE:
            fs.reserve(file, size)
        _write_all(file, content)
        if durable:
            fs.sync(file)


def write_unnamed(name: str, parent: int, content: Content, path: str) -> bool:
    """Make a small file, which gets its name when it is whole and durable.

    A private directory to write it in costs as much as the file, and a process that dies leaves it.

    Returns:
        False: this file system has no files without a name; nothing was done.

    Raises:
        ExistsError: the name is taken.
        OSError: it could not be made durable, and was taken back.
    """
    try:
        made = fs.create_unnamed(parent)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return False
        raise
    with opened(made) as file:
        _write_all(file, content)
        fs.sync(file)
        try:
            fs.give_name(file, name, parent)
        except FileExistsError:
            raise taken(path) from None
    _make_durable(parent, lambda: fs.unlink(name, parent))
    return True


def _make_durable(parent: int, take_back: Callable[[], None]) -> None:
    """Sync a directory that something has just got its name in."""
    try:
        fs.sync(parent)
    except OSError:
        with suppress(OSError):  # the disk fails already: that error is the one to tell
            take_back()
        raise


def _write_all(file: int, content: Content) -> None:
    for buffer in buffers_of(content):
        rest = buffer
        while rest:
            rest = rest[fs.write(file, rest) :]


def move(name: str, inside: int, new_name: str, parent: int, path: str) -> None:
    """Make a file or directory visible and durable, or leave it invisible.

    Raises:
        ExistsError: the new name is taken.
        OSError: it could not be made durable, and was taken back.
    """
    try:
        fs.publish(name, inside, new_name, parent)
    except FileExistsError:
        raise taken(path) from None
    _make_durable(parent, lambda: fs.publish(new_name, parent, name, inside))


@contextmanager
def disk_stage(folders: Folders) -> Iterator[DiskStage]:
    """A stage for a commit."""
    with private_directory(folders) as private:
        fs.make_directory(_PAYLOAD, private)
        with opened(fs.open_directory(_PAYLOAD, private)) as inside:
            yield DiskStage(folders, private, inside)


@contextmanager
def private_directory(folders: Folders) -> Iterator[int]:
    """A directory that only this process uses, locked by it, and deleted at the end."""
    with folders.make((STAGE,), durable=False) as area, ExitStack() as held:
        yield _claim(area, held)


def sweep_stages(folders: Folders, *, dry_run: bool) -> list[str]:
    """Delete what dead processes were writing or deleting, or only look."""
    swept = []
    with suppress(FileNotFoundError), folders.open((STAGE,)) as area:
        dead = (name for name in fs.names(area) if _sweep(name, area, dry_run=dry_run))
        swept += [f"{STAGE}/{name}" for name in dead]
    with suppress(FileNotFoundError), folders.open((TRASH,)) as area:
        for name in fs.names(area):
            if not dry_run:
                delete(name, area)
            swept.append(f"{TRASH}/{name}")
    return swept


def unique_name() -> str:
    """A name that no other attempt on any machine has: boot, process, 64 random bits."""
    return f"{machine_id()}-{os.getpid()}-{secrets.token_hex(8)}"


def _claim(area: int, held: ExitStack) -> int:
    """A new directory, locked. One that is swept before it is locked is given up."""
    while True:
        with ExitStack() as attempt, suppress(FileNotFoundError):
            name = unique_name()
            attempt.callback(_discard, name, area)
            fs.make_directory(name, area, 0o700)
            private = attempt.enter_context(opened(fs.open_directory(name, area)))
            if fs.lock(private) and exists(name, area):
                held.push(attempt.pop_all())
                return private


def _discard(name: str, area: int) -> None:
    with suppress(OSError):  # `sweep` deletes what could not be deleted here
        delete(name, area)


def _sweep(name: str, area: int, *, dry_run: bool) -> bool:
    """Delete a stage if nobody writes in it any more; whether that is so.

    Within one boot of one machine the lock tells, which the kernel frees with its owner; of
    another machine (a shared file system) only the age can.
    """
    with (
        suppress(FileNotFoundError, NotADirectoryError),
        opened(fs.open_directory(name, area)) as private,
    ):
        dead = fs.lock(private) if name.startswith(f"{machine_id()}-") else _is_old(private)
        if dead and not dry_run:
            delete(name, area)
        return dead
    return False


def _is_old(private: int) -> bool:
    newest = fs.status(private).st_mtime
    for child in fs.names(private):
        with opened(fs.open_file(child, private)) as file:
            newest = max(newest, fs.status(file).st_mtime)
    return time.time() - newest > _FOREIGN_AGE


@cache
def machine_id() -> str:
    """This start of this machine; containers on one machine share it, as they share locks."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except FileNotFoundError:  # macOS
        boot = os.uname().nodename
    return str(blake3(boot.encode()).hexdigest()[:12])
