"""The store on objects: any storage of fsspec that can create a key exclusively.

Objects cannot be renamed. The files of a commit lie under `.data/ATTEMPT/`, where no reader looks
for them; its manifest, put last and exclusively, makes them a commit. While an attempt is at work
there is `.stage/ATTEMPT` too: by it, what a dead attempt left is told from what is in use.
"""

from __future__ import annotations

import errno
import re
import time
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from training.artifacts.backend import Stored, buffers_of, entry_of, piece_entry
from training.artifacts.manifest import Manifest
from training.artifacts.names import MANIFEST, is_name, taken
from training.artifacts.segments import Piece
from training.errors import ExistsError, InputError, NotFoundError, RetrainError, StorageError
from training.secrets import refuse_credentials, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from training.artifacts.backend import Content
    from training.artifacts.manifest import FileEntry

DATA, STAGE, QUARANTINE = ".data", ".stage", ".quarantine"

_EXCLUSIVE = {"memory", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}
"""Where `pipe_file(mode="create")` has one winner; on fsspec's local disk it has not."""
_COPIES = {"memory", "s3", "s3a", "gs", "gcs"}
"""Where a copy is whole as soon as it was asked for; Azure goes on with it in the background."""
_OLD = timedelta(days=1)
"""An attempt that began earlier is dead; objects have no locks that could tell."""
_AHEAD = 32 * 2**20
"""Bytes that are asked for at once: a request takes as long as reading megabytes."""
_CONFLICTS = 5
"""How often S3 may answer 409 to an exclusive put: it is to be tried again."""
_one_at_a_time = Lock()
"""For memory://, which looks first and writes then."""


class ObjectReader:
    """An object, read piece by piece."""

    def __init__(self, objects: Objects, path: str, size: int) -> None:
        """Read an object of that size."""
        self._objects = objects
        self._path = path
        self._position = 0
        self._ahead = memoryview(b"")
        self.size = size

    def readinto(self, buffer: memoryview) -> int:
        """Read some bytes; returns how many, 0 at the end."""
        end = min(self._position + _AHEAD, self.size)
        if not self._ahead and end > self._position:
            self._ahead = memoryview(self._objects.get(self._path, self._position, end))
            self._position += len(self._ahead)
        length = min(len(buffer), len(self._ahead))
        buffer[:length] = self._ahead[:length]
        self._ahead = self._ahead[length:]
        return length


class ObjectStage:
    """Objects that become a commit by the exclusive put of a manifest."""

    def __init__(self, objects: Objects) -> None:
        """Put files where nobody looks for them."""
        self._attempt = uuid4().hex
        self._objects = objects
        self.data = f"{DATA}/{self._attempt}"
        self.marker = f"{STAGE}/{self._attempt}"
        self.is_needed = self._is_released = False

    def add(self, path: str, content: Content) -> FileEntry:
        """Put a file, or have the storage copy it; digest it on the way."""
        if isinstance(content, Piece) and self._objects.copied(content, f"{self.data}/{path}"):
            return piece_entry(path, content)
        return entry_of(path, content, lambda: self._objects.put(f"{self.data}/{path}", content))

    def publish(self, path: str, manifest: bytes) -> None:
        """Put the manifest, exclusively.

        From here on the data are not deleted by any doubt: a put that seemed to fail may have
        been done.
        """
        if not self._is_released:
            self._release(path)
        self.is_needed = True
        try:
            self._objects.create(f"{path}/{MANIFEST}", manifest)
        except ExistsError:
            self.is_needed = False
            raise taken(path) from None

    def _release(self, path: str) -> None:
        """From here on no sweep may take the files."""
        if not self._objects.exists(self.marker):
            raise StorageError(
                f"writing {path} took more than {_OLD} and was given up by another process's sweep"
            )
        self._is_released = True
        self._objects.delete([self.marker])


class Objects:
    """A `Backend` on objects."""

    def __init__(self, url: str) -> None:
        """Keep everything below this URL; nothing is made before the first write.

        Raises:
            InputError: no such storage, its library is not installed, or it cannot create a key
                exclusively.
        """
        from fsspec.core import url_to_fs

        refuse_credentials(url)
        protocol = self._protocol = url.partition("://")[0]
        self._turn = _one_at_a_time if protocol == "memory" else nullcontext()
        if protocol not in _EXCLUSIVE:
            raise InputError(
                f"{url!r} cannot hold a store: {protocol} cannot create a key exclusively; "
                f"expected a local path or one of {', '.join(sorted(_EXCLUSIVE))}"
            )
        try:
            self._fs, self._root = url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            raise InputError(f"{url!r} cannot be opened: {error}") from error
        self._url = url

    @contextmanager
    def stage(self) -> Iterator[ObjectStage]:
        """Begin a commit; what is not published at the end is thrown away."""
        stage = ObjectStage(self)
        self.replace(stage.marker, b"", durable=True)
        try:
            yield stage
        finally:
            if not stage.is_needed:
                with suppress(StorageError):  # `sweep` deletes what could not be deleted here
                    self.delete([*self._below(stage.data), stage.marker])

    def create(self, path: str, data: bytes) -> None:
        """Put an object; ExistsError if there is one."""
        with self._explained(f"write {path}"), self._turn:
            try:
                self._create(self._key(path), data)
            except FileExistsError:
                if not self._holds(path, data):
                    raise taken(path) from None

    def replace(self, path: str, data: bytes, *, durable: bool) -> None:
        """Put an object, over one that may be there; all puts are durable."""
        with self._explained(f"write {path}"):
            self._fs.pipe_file(self._key(path), data)

    def drafting(self) -> AbstractContextManager[None]:
        """An object is put at once: there is nothing to prepare."""
        return nullcontext()

    def put(self, path: str, content: Content) -> None:
        """Put a large object, piece by piece."""
        with self._explained(f"write {path}"), self._fs.open(self._key(path), "wb") as file:
            for buffer in buffers_of(content):
                file.write(buffer)

    def copied(self, piece: Piece, path: str) -> bool:
        """Have the storage copy the object that holds a piece; False: it has to be put."""
        if not piece.held or self._protocol not in _COPIES:
            return False
        with self._explained(f"copy {piece.held} to {path}"):
            try:
                self._fs.cp_file(self._key(piece.held), self._key(path))
            except FileNotFoundError:
                return False  # that commit was removed since
        return True

    def get(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes of an object, or some of them; NotFoundError if there is none."""
        with self._explained(f"read {path}"):
            try:
                return bytes(self._fs.cat_file(self._key(path), start=start, end=end))
            except FileNotFoundError:
                raise NotFoundError(f"there is no {path} in {self._url}") from None

    @contextmanager
    def reader(self, path: str) -> Iterator[ObjectReader]:
        """Open an object; NotFoundError if there is none."""
        with self._explained(f"read {path}"):
            try:
                info = self._fs.info(self._key(path))
            except FileNotFoundError:
                info = {"type": "absent"}
        if info["type"] != "file":
            raise NotFoundError(f"there is no {path} in {self._url}")
        yield ObjectReader(self, path, info["size"])

    def exists(self, path: str) -> bool:
        """Whether there is an object of this name, or any below it."""
        with self._explained(f"look for {path}"):
            return bool(self._fs.exists(self._key(path)))

    def children(self, path: str) -> list[str]:
        """Names of what lies below a path, sorted."""
        return [name for name in self._names(path) if is_name(name) and name != MANIFEST]

    def names(self, path: str) -> list[str]:
        """All names at a path: what each is, is not looked at."""
        return self._names(path)

    def folder_stamp(self, path: str) -> str | None:
        """None: there are no folders."""
        return None

    def stamps(self, path: str) -> dict[str, str]:
        """Names of commits and documents at a path, each with what the storage says of it."""
        with self._explained(f"list {path}"):
            found = self._fs.find(self._key(path), detail=True)
        start = len(self._key(f"{path}/"))
        names = {key[start:].removesuffix(f"/{MANIFEST}"): info for key, info in found.items()}
        return {name: _stamp(info) for name, info in names.items() if is_name(name)}

    def walk(self, path: str) -> Iterator[tuple[str, bool]]:
        """Every key at or below a path; all are files."""
        hidden = (f"{DATA}/", f"{STAGE}/", f"{QUARANTINE}/")
        yield from ((key, True) for key in self._below(path) if not key.startswith(hidden))

    def stored(self, path: str) -> Iterator[Stored]:
        """Every object at or below a path, with the files of commits and of attempts among them."""
        keys = self._below(path)
        attempts = [
            f"{DATA}/{key.removeprefix(f'{STAGE}/')}" for key in keys if key.startswith(f"{STAGE}/")
        ]
        data = [key for manifest in keys for key in self._data_of(manifest)]
        for key in (*keys, *data, *(key for attempt in attempts for key in self._below(attempt))):
            with self._explained(f"look at {key}"):
                try:
                    size = int(self._fs.size(self._key(key)))
                except FileNotFoundError:
                    continue  # removed since it was listed
            yield Stored(key, 1, size)

    def remove(self, path: str, *, durable: bool) -> None:
        """Delete what makes commits visible, then what they consist of."""
        keys = self._below(path)
        data = [key for manifest in keys for key in self._data_of(manifest)]
        self.delete(keys)
        self.delete(data)

    def quarantine(self, path: str) -> str:
        """Move keys below `.quarantine`; the files of a commit stay where they are."""
        keys = self._below(path)
        if not keys:
            raise NotFoundError(f"there is no {path} in {self._url}")
        number = 1
        while self.exists(f"{QUARANTINE}/{path}.{number}"):
            number += 1
        aside = f"{QUARANTINE}/{path}.{number}"
        for key in keys:
            self.create(aside + key.removeprefix(path), self.get(key))
        self.delete(keys)
        return aside

    def aside(self) -> list[str]:
        """Every key that lies where `quarantine` moved it."""
        return self._below(QUARANTINE)

    def clear_aside(self) -> None:
        """Delete them, and the files of commits among them."""
        self.remove(QUARANTINE, durable=True)

    def sweep(self, *, dry_run: bool = False) -> list[str]:
        """Delete what attempts left that began more than a day ago, or only look."""
        swept = []
        for attempt in self._names(STAGE):
            marker, data = f"{STAGE}/{attempt}", f"{DATA}/{attempt}"
            if self._is_old(marker):
                if not dry_run:
                    self.delete([*self._below(data), marker])
                swept.append(marker)
        return swept

    def orphans(self) -> list[str]:
        """Files of attempts that died right before their manifest was put, a day ago or more.

        All manifests are read, those that were moved aside too; where one is damaged nobody knows
        which files are its own, and none is given.
        """
        attempts = self._names(DATA)
        if not attempts:
            return []
        named = {self._data_folder(key) for key in self._below("") if key.endswith(f"/{MANIFEST}")}
        if None in named:
            return []
        begun = set(self._names(STAGE))
        keys = [
            key
            for attempt in attempts
            if attempt not in begun and f"{DATA}/{attempt}" not in named
            for key in self._below(f"{DATA}/{attempt}")
        ]
        return [key for key in keys if self._is_old(key)]

    def remove_orphans(self) -> None:
        """Delete them."""
        self.delete(self.orphans())

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Keeps nobody out: objects have no lock that ends with its owner.

        Two processes at work on one run do the same work twice; what they write stays whole, for
        every commit and every document of history is made exclusively.
        """
        yield

    def delete(self, paths: list[str]) -> None:
        """Delete objects; one that is gone is no error."""
        for path in paths:
            with self._explained(f"remove {path}"):
                try:
                    self._fs.rm_file(self._key(path))
                except FileNotFoundError:
                    continue  # deleted by another process

    def _holds(self, path: str, data: bytes) -> bool:
        """Whether it was this very put that took a key: the library repeats one that got no answer.

        No two writers put the same bytes: a document says by whom it is, a manifest where its files
        are.
        """
        with suppress(NotFoundError):  # removed since
            return self.get(path) == data
        return False

    def _create(self, key: str, data: bytes) -> None:
        for turn in range(_CONFLICTS):
            try:
                self._fs.pipe_file(key, data, mode="create")
            except OSError as error:
                if error.errno != errno.EBUSY or turn == _CONFLICTS - 1:
                    raise
                time.sleep(0.05 * 2**turn)
            else:
                return

    def _key(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}" if path else self._root

    def _names(self, path: str) -> list[str]:
        key = self._key(path)
        with self._explained(f"list {path}"):
            try:
                found = self._fs.ls(key, detail=False)
            except FileNotFoundError:
                return []
        return sorted({item.rstrip("/").rpartition("/")[2] for item in found if item != key})

    def _below(self, path: str) -> list[str]:
        start = len(self._key("x")) - 1
        with self._explained(f"list {path}"):
            return sorted(key[start:] for key in self._fs.find(self._key(path)))

    def _data_of(self, path: str) -> list[str]:
        """The keys of a commit's files; none when its manifest is damaged: they are kept."""
        folder = self._data_folder(path) if path.endswith(f"/{MANIFEST}") else None
        return self._below(folder) if folder else []

    def _data_folder(self, path: str) -> str | None:
        """Where a manifest says that its files lie; None when it is damaged."""
        folder = path.removesuffix(f"/{MANIFEST}")
        aside = re.fullmatch(rf"{re.escape(QUARANTINE)}/(.+)\.\d+", folder)
        try:
            return Manifest.from_bytes(self.get(path), aside[1] if aside else folder, path).data
        except NotFoundError:
            return ""  # removed since it was listed
        except RetrainError:
            return None

    def _is_old(self, path: str) -> bool:
        with self._explained(f"look at {path}"):
            try:
                began = self._fs.modified(self._key(path))
            except FileNotFoundError:
                return False  # swept by another process
        return bool(datetime.now(UTC) - began > _OLD)

    @contextmanager
    def _explained(self, action: str) -> Iterator[None]:
        """Turn an error of the storage's library into ours, which says what was tried and where."""
        try:
            yield
        except RetrainError:
            raise
        except Exception as error:  # noqa: BLE001 - each storage library has errors of its own
            said = without_secrets(str(error))
            raise StorageError(
                f"cannot {action} in {self._url}: {said}; nothing that was there before is "
                "harmed: see to the storage and run it again"
            ) from (error if said == str(error) else None)


def _stamp(info: dict[str, Any]) -> str:
    """Whatever this storage tells that is of one object alone: tag, generation, time."""
    known = (str(info.get(key, "")) for key in ("ETag", "etag", "generation", "LastModified"))
    return "/".join((*known, str(info.get("created", "")), str(info["size"])))
