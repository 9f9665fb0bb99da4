"""The store on a local disk: files in directories, moved into place by one rename.

Beside what the store shows, its root has::

    .stage/BOOT-PID-RANDOM/   what a process is writing now: mode 0700, locked by that process
    .trash/                   what is being deleted
    .quarantine/              what was damaged
    .locks/                   one file for each lock that is held

A stage is private; the files in it get the modes that the process's umask says, and so have them
when they are moved out of it.
"""

from __future__ import annotations

import secrets
import stat
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from training.artifacts import fs
from training.artifacts.backend import Stored
from training.artifacts.folders import Folders, delete, exists, opened
from training.artifacts.locks import LOCKS, disk_lock
from training.artifacts.names import MANIFEST, is_name, taken
from training.artifacts.stage import (
    STAGE,
    TRASH,
    disk_stage,
    move,
    private_directory,
    sweep_stages,
    unique_name,
    write_file,
    write_unnamed,
)
from training.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts.backend import Parts
    from training.artifacts.stage import DiskStage

QUARANTINE = ".quarantine"
HIDDEN = {STAGE, TRASH, QUARANTINE, LOCKS}

_DOCUMENT = "document"
_SETTLED = 1.0
"""Seconds after which the next change of a directory is sure to get another time."""


class DiskReader:
    """An open file."""

    def __init__(self, file: int, size: int) -> None:
        """Read from an open file of that size."""
        self._file = file
        self.size = size

    def readinto(self, buffer: memoryview) -> int:
        """Read some bytes; returns how many, 0 at the end."""
        return fs.read(self._file, buffer)


class Disk:
    """A `Backend` in a local directory."""

    def __init__(self, root: str) -> None:
        """Keep everything below this absolute path; nothing is made before the first write."""
        self._folders = Folders(root)
        self._drafts: int | None = None

    @contextmanager
    def drafting(self) -> Iterator[None]:
        """Until the end, documents that may be lost are written in one private directory.

        A directory of its own for each costs five times what the document does.
        """
        with ExitStack() as stack:
            with self._folders.explained("write"):
                self._drafts = stack.enter_context(private_directory(self._folders))
            try:
                yield
            finally:
                self._drafts = None

    @contextmanager
    def stage(self) -> Iterator[DiskStage]:
        """Begin a commit; what is not published at the end is thrown away."""
        with self._folders.explained("write"), disk_stage(self._folders) as stage:
            yield stage

    def create(self, path: str, data: bytes) -> None:
        """Write a small file whole and durably; ExistsError if the path is taken."""
        *folder, name = path.split("/")
        with self._folders.explained(f"write {path}"), self._folders.make(tuple(folder)) as parent:
            if exists(name, parent):
                raise taken(path)
            if write_unnamed(name, parent, data, path):
                return
            with private_directory(self._folders) as private:
                write_file(_DOCUMENT, private, data)
                move(_DOCUMENT, private, name, parent, path)

    def replace(self, path: str, data: bytes, *, durable: bool) -> None:
        """Write a small file whole, over one that may be there."""
        *folder, name = path.split("/")
        with (
            self._folders.explained(f"write {path}"),
            self._folders.make(tuple(folder), durable=durable) as parent,
            self._draft(durable=durable) as (private, draft),
        ):
            write_file(draft, private, data, durable=durable)
            fs.replace(draft, private, name, parent)
            if durable:
                fs.sync(parent)

    @contextmanager
    def _draft(self, *, durable: bool) -> Iterator[tuple[int, str]]:
        """A directory to write a document in, and a name there; nothing is left of a failure."""
        if durable or self._drafts is None:
            with private_directory(self._folders) as private:
                yield private, _DOCUMENT
            return
        drafts, draft = self._drafts, secrets.token_hex(8)  # several threads write
        try:
            yield drafts, draft
        except BaseException:
            with suppress(OSError):
                delete(draft, drafts)
            raise

    @contextmanager
    def reader(self, path: str) -> Iterator[DiskReader]:
        """Open a file; NotFoundError if there is none."""
        *folder, name = path.split("/")
        with self._folders.explained(f"read {path}"):
            try:
                with self._folders.open(tuple(folder)) as parent:
                    file = fs.open_file(name, parent)
            except FileNotFoundError:
                raise NotFoundError(f"there is no {path} in {self._folders.root}") from None
            with opened(file):
                status = fs.status(file)
                if not stat.S_ISREG(status.st_mode):
                    raise NotFoundError(f"{path} in {self._folders.root} is no file")
                yield DiskReader(file, status.st_size)

    def exists(self, path: str) -> bool:
        """Whether there is a file or a directory."""
        *folder, name = path.split("/")
        with (
            self._folders.explained(f"look for {path}"),
            suppress(FileNotFoundError),
            self._folders.open(tuple(folder)) as parent,
        ):
            return exists(name, parent)
        return False

    def children(self, path: str) -> list[str]:
        """Names of what lies in a directory, sorted; none when there is no such directory."""
        parts = tuple(path.split("/")) if path else ()
        with (
            self._folders.explained(f"list {path}"),
            suppress(FileNotFoundError),
            self._folders.open(parts) as directory,
        ):
            return [name for name in fs.names(directory) if _is_shown(name, directory)]
        return []

    def names(self, path: str) -> list[str]:
        """All names at a path, in any order: what each is, is not looked at."""
        parts = tuple(path.split("/")) if path else ()
        with (
            self._folders.explained(f"list {path}"),
            suppress(FileNotFoundError),
            self._folders.open(parts) as directory,
        ):
            return fs.unsorted_names(directory)
        return []

    def stamps(self, path: str) -> dict[str, str]:
        """What lies at a path, by name, each with its inode and when that was changed."""
        parts = tuple(path.split("/")) if path else ()
        with (
            self._folders.explained(f"list {path}"),
            suppress(FileNotFoundError),
            self._folders.open(parts) as directory,
        ):
            return {
                name: stamp
                for name in fs.names(directory)
                if is_name(name) and (stamp := _stamp(name, directory))
            }
        return {}

    def folder_stamp(self, path: str) -> str | None:
        """Inode and times of a directory that was left alone for a while; None of any other.

        The system's clock for files ticks only every few milliseconds: a directory that changed
        just now could change again without a trace.
        """
        with (
            self._folders.explained(f"look at {path}"),
            suppress(FileNotFoundError),
            self._folders.open(tuple(path.split("/"))) as directory,
        ):
            found = fs.status(directory)
            if time.time() - max(found.st_mtime, found.st_ctime) > _SETTLED:
                return f"{found.st_ino}.{found.st_mtime_ns}.{found.st_ctime_ns}"
        return None

    def walk(self, path: str) -> Iterator[tuple[str, bool]]:
        """Every path at or below this one, and whether it is a regular file."""
        *folder, name = path.split("/") if path else [""]
        with (
            self._folders.explained(f"list {path}"),
            suppress(FileNotFoundError),
            self._folders.open(tuple(folder)) as parent,
        ):
            names = [name] if name else [n for n in fs.names(parent) if n not in HIDDEN]
            for child in names:
                yield from _walk(path or child, child, parent)

    def stored(self, path: str) -> Iterator[Stored]:
        """Every file at or below a path: a piece that is shared is one file with several names."""
        *folder, name = path.split("/")
        with (
            self._folders.explained(f"look at {path}"),
            suppress(FileNotFoundError),
            self._folders.open(tuple(folder)) as parent,
        ):
            yield from _stored(name, parent)

    def remove(self, path: str, *, durable: bool) -> None:
        """Take a file or directory away by one rename, then delete it."""
        *folder, name = path.split("/")
        with (
            self._folders.explained(f"remove {path}"),
            suppress(FileNotFoundError),
            self._folders.open(tuple(folder)) as parent,
            self._folders.make((TRASH,), durable=False) as trash,
        ):
            doomed = unique_name()
            fs.publish(name, parent, doomed, trash)
            if durable:
                fs.sync(parent)
            delete(doomed, trash)

    def quarantine(self, path: str) -> str:
        """Move a file or directory below `.quarantine`; returns where."""
        *folder, name = path.split("/")
        aside: Parts = (QUARANTINE, *folder)
        with self._folders.explained(f"move {path} aside"), suppress(FileNotFoundError):
            with self._folders.open(tuple(folder)) as parent, self._folders.make(aside) as place:
                new_name = _moved_aside(name, parent, place)
                fs.sync(place)
                fs.sync(parent)
            return "/".join((*aside, new_name))
        raise NotFoundError(f"there is no {path} in {self._folders.root}")

    def aside(self) -> list[str]:
        """Every file that lies where `quarantine` moved it."""
        return [path for path, _ in self.walk(QUARANTINE)]

    def clear_aside(self) -> None:
        """Delete them."""
        self.remove(QUARANTINE, durable=True)

    def sweep(self, *, dry_run: bool = False) -> list[str]:
        """Delete what dead processes left, or only look; returns what."""
        with self._folders.explained("sweep"):
            return sweep_stages(self._folders, dry_run=dry_run)

    def orphans(self) -> list[str]:
        """None: the files of a commit lie in its stage until it is whole."""
        return []

    def remove_orphans(self) -> None:
        """There are none."""

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Keep other processes out, until the end or until this process dies."""
        with disk_lock(self._folders, path):
            yield


def _is_shown(name: str, directory: int) -> bool:
    if not is_name(name) or name == MANIFEST:
        return False
    with suppress(FileNotFoundError):  # removed since it was listed
        return fs.kind(name, directory) != "other"
    return False


def _stamp(name: str, directory: int) -> str:
    with suppress(FileNotFoundError):  # removed since it was listed
        return fs.stamp(name, directory)
    return ""


def _walk(path: str, name: str, parent: int) -> Iterator[tuple[str, bool]]:
    with suppress(FileNotFoundError):  # removed since it was listed
        kind = fs.kind(name, parent)
        if kind != "directory":
            yield path, kind == "file"
            return
        with opened(fs.open_directory(name, parent)) as directory:
            for child in fs.names(directory):
                yield from _walk(f"{path}/{child}", child, directory)


def _stored(name: str, parent: int) -> Iterator[Stored]:
    with suppress(FileNotFoundError):  # removed since it was listed
        found = fs.entry(name, parent)
        if not stat.S_ISDIR(found.st_mode):
            yield Stored(str(found.st_ino), found.st_nlink, found.st_size)
            return
        with opened(fs.open_directory(name, parent)) as directory:
            for child in fs.names(directory):
                yield from _stored(child, directory)


def _moved_aside(name: str, parent: int, place: int) -> str:
    number = 0
    while True:
        number += 1
        try:
            fs.publish(name, parent, f"{name}.{number}", place)
        except FileExistsError:
            continue
        return f"{name}.{number}"
