"""The artifact store: commits, sealed documents and numbered artifacts, on disk or on objects."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

import numpy as np

from training.artifacts.cleaning import outdated
from training.artifacts.decoding import decode
from training.artifacts.documents import seal_at, unseal_at
from training.artifacts.index import Index
from training.artifacts.manifest import Manifest, manifest_digest
from training.artifacts.names import MANIFEST, parts_of, taken
from training.artifacts.reading import PieceReader, read_document, read_file
from training.artifacts.verify import verify
from training.artifacts.versions import Versions, find
from training.errors import (
    ExistsError,
    InputError,
    IntegrityError,
    NotFoundError,
    StorageError,
    did_you_mean,
)

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from training.artifacts.backend import Backend, Content, Stored
    from training.artifacts.manifest import FileEntry
    from training.artifacts.verify import Verification
    from training.artifacts.versions import ArtifactRef
    from training.types import StateTree


logger = logging.getLogger(__name__)

_NUMBERED = re.compile(r"\d{8}(\.json)?")
_HUGE_PAGE = 2**21


@dataclass(frozen=True, slots=True)
class Commit:
    """Files that became visible together, and what is said of them.

    Attributes:
        path: in the store.
        uri: the store's URL and the path.
        files: what the manifest says of each, by its path in the commit.
        metadata: lineage, metrics, whatever its maker said.
        tags: words by which a numbered artifact is found.
        digest: of the manifest, and so of all.
        created: of a numbered artifact: when, in seconds since 1970.
        data: where the files lie, on storage without directories; empty: at `path`.
    """

    path: str
    uri: str
    files: Mapping[str, FileEntry]
    metadata: Mapping[str, Any]
    tags: Mapping[str, str]
    digest: str
    created: float | None = None
    data: str = ""

    def place(self, file: str) -> str:
        """The path in the store of a file of this commit."""
        return f"{self.data or self.path}/{self.files[file].path}"


class ArtifactStore:
    """Keeps artifacts; whatever returns from here is durable, and whatever is read is verified.

    Three kinds of things lie at paths such as `runs/RUN/checkpoints/NAME`:

    - a commit: files and a manifest, visible all at once or not at all, never changed;
    - a document: a JSON object with its own digest;
    - a numbered artifact: a commit at the next free version of a kind and a name.

    Every method raises InputError for a malformed path and StorageError when the storage refuses
    or fails; nothing that was there before is harmed then.
    """

    def __init__(self, url: str | os.PathLike[str] = "./artifacts") -> None:
        """Open a store; nothing is made before the first write.

        Args:
            url: a local path or `file://` URL; or the URL of objects (`memory://`, `s3://…`), for
                which fsspec's library must be installed.

        Raises:
            InputError: no store can be kept there.
        """
        self._backend, self.url = _opened(os.fspath(url))
        self.index = Index(self.url)

    @property
    def is_local(self) -> bool:
        """Whether it is on a disk of this machine, where a lock ends with its owner."""
        return "://" not in self.url

    def commit(
        self,
        path: str,
        files: Mapping[str, Content],
        metadata: Mapping[str, Any] | None = None,
    ) -> Commit:
        """Write files and make them visible at once, durably.

        Args:
            path: where; it must be free.
            files: by their path in the commit: encoded trees, or bytes.
            metadata: plain values.

        Raises:
            ExistsError: the path is taken.
        """
        parts_of(path)
        if self._backend.exists(path):
            raise taken(path)
        return self._commit([path], files, Manifest(path, {}, metadata or {}, {}))

    def open(self, path: str) -> Commit:
        """What a manifest says; the files themselves are not looked at.

        Raises:
            NotFoundError: there is no commit.
            IntegrityError: its manifest is damaged.
        """
        manifest, data = self._manifest(path)
        return self._described(manifest, data)

    def read(self, path: str, file: str) -> bytearray:
        """The bytes of a file of a commit, verified.

        Raises:
            NotFoundError: there is no such commit, or no such file in it.
            IntegrityError: they are not what was written.
        """
        manifest, _ = self._manifest(path)
        entry = _entry(manifest, file)
        return read_file(self._backend, manifest.place(entry), entry, bytearray)

    def read_tree(self, path: str, file: str) -> dict[str, StateTree]:
        """A tree that was committed, verified before it is decoded; its arrays are writable.

        Raises:
            NotFoundError: there is no such commit, or no such file in it.
            IntegrityError: it is not what was written, or no tree was written.
        """
        manifest, _ = self._manifest(path)
        entry = _entry(manifest, file)
        place = manifest.place(entry)
        if entry.format != "safetensors":
            raise IntegrityError(f"{place} was written as {entry.format}; expected safetensors")
        pieces = PieceReader(self._backend, manifest)
        return decode(read_file(self._backend, place, entry, _room), place, pieces.read)

    def location(self, path: str, file: str) -> str:
        """Where a file of a commit lies, for readers that take a path or a URL; not verified.

        Raises:
            NotFoundError: there is no such commit, or no such file in it.
        """
        manifest, _ = self._manifest(path)
        return f"{self.url}/{manifest.place(_entry(manifest, file))}"

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        """Write a document that was not there; of several processes, one wins.

        Raises:
            ExistsError: the path is taken.
        """
        parts_of(path)
        by = None if self.is_local else uuid4().hex  # a put that was repeated knows its own
        self._backend.create(path, seal_at(path, body, by))

    def replace(self, path: str, body: Mapping[str, Any], *, durable: bool = True) -> None:
        """Write a document over one that may be there: for heartbeats, never for history.

        Args:
            path: where.
            body: plain values.
            durable: False: a power cut may take it back, or damage it, and then whoever reads it is
                told. Only for what nothing depends on.
        """
        parts_of(path)
        self._backend.replace(path, seal_at(path, body), durable=durable)

    def drafting(self) -> AbstractContextManager[None]:
        """Until the end of the `with`, `replace` with `durable=False` costs less."""
        return self._backend.drafting()

    def document(self, path: str) -> dict[str, Any]:
        """The body of a document, verified.

        Raises:
            NotFoundError: there is none.
            IntegrityError: it is not what was written.
        """
        parts_of(path)
        return unseal_at(path, read_document(self._backend, path))

    def unverified(self, path: str) -> bytes:
        """What is left of a document that is damaged: nothing in it is to be believed.

        Raises:
            NotFoundError: there is none.
            IntegrityError: it is larger than any that was written.
        """
        parts_of(path)
        return read_document(self._backend, path)

    def exists(self, path: str) -> bool:
        """Whether there is a document, a commit, or anything below this path."""
        parts_of(path)
        return self._backend.exists(path)

    def children(self, path: str = "") -> list[str]:
        """Names of what lies at a path, sorted; none when there is nothing."""
        if path:
            parts_of(path)
        return self._backend.children(path)

    def summaries(
        self, path: str, view: str, summarize: Callable[[str], dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """A summary of each numbered commit or document at a path, by its own path, however many.

        Those that cannot be read are logged and left out.

        Args:
            path: of the folder that they lie in; none of them ever changes.
            view: names what is summarized: it is remembered under this name.
            summarize: reads what lies at a path; plain values that JSON can say.
        """
        parts_of(path)

        def read(place: str) -> dict[str, Any] | None:
            try:
                return summarize(place)
            except (StorageError, NotFoundError) as error:
                logger.warning("left out of the list: %s", error)
                return None

        settled = self._backend.folder_stamp(path)
        known = self.index.known_list(view, path, settled) if settled else None
        if known is not None:
            return known
        stamps = self._backend.stamps(path).items()
        numbered = {f"{path}/{name}": stamp for name, stamp in stamps if _NUMBERED.fullmatch(name)}
        found = self.index.summaries(view, numbered, read)
        if settled and len(found) == len(numbered):
            self.index.note_list(view, path, settled, found)
        return found

    def numbered(self, path: str) -> builtins.list[str]:
        """Names at a path that are eight digits, with or without an ending; in no order.

        What each is, is not looked at: this is for folders of many thousand.
        """
        return [name for name in self.names(path) if _NUMBERED.fullmatch(name)]

    def names(self, path: str) -> builtins.list[str]:
        """All names at a path, in no order; what each is, is not looked at."""
        parts_of(path)
        return self._backend.names(path)

    def remove(self, path: str, *, durable: bool = True) -> None:
        """Take away a document, a commit, or all below a path; nothing happens if it is gone.

        Args:
            path: what.
            durable: False: a power cut may bring it back, whole.
        """
        parts_of(path)
        self._backend.remove(path, durable=durable)

    def stored(self, path: str) -> Iterator[Stored]:
        """Every file that `remove` would take away, once for each name that it has there.

        Args:
            path: of anything, also what `sweep`, `orphans` and `set_aside` name.
        """
        return self._backend.stored(path)

    def quarantine(self, path: str, *, found: bool = False) -> str:
        """Move what is damaged aside; returns where to, for a person to look at.

        Args:
            path: what.
            found: `verify` found it there: it may have any name.

        Raises:
            NotFoundError: there is nothing.
        """
        if not found:
            parts_of(path)
        return self._backend.quarantine(path)

    def sweep(self, *, dry_run: bool = False) -> builtins.list[str]:
        """Delete what dead processes left half written or half deleted; returns what.

        Args:
            dry_run: only look.
        """
        return self._backend.sweep(dry_run=dry_run)

    def set_aside(self) -> builtins.list[str]:
        """Every file that `quarantine` moved aside."""
        return self._backend.aside()

    def remove_set_aside(self) -> None:
        """Delete what `quarantine` moved aside."""
        self._backend.clear_aside()

    def orphans(self) -> builtins.list[str]:
        """On objects: files of attempts that died right before they were commits, a day ago."""
        return self._backend.orphans()

    def remove_orphans(self) -> None:
        """Delete what `orphans` gives."""
        self._backend.remove_orphans()

    def verify(self, prefix: str = "") -> Verification:
        """Check every byte of every commit and document at or below a path.

        Raises:
            NotFoundError: there is nothing at that path.
        """
        if prefix and not self.exists(prefix):
            raise NotFoundError(f"there is no {prefix} in {self.url}")
        return verify(self._backend, prefix)

    def lock(self, path: str) -> AbstractContextManager[None]:
        """Keep other processes out, until the end of the `with` or of this process.

        On objects this keeps nobody out: see `training.artifacts.objects`.

        Raises:
            BusyError: another process is in.
        """
        parts_of(path)
        return self._backend.lock(path)

    def put(
        self,
        kind: str,
        name: str,
        files: Mapping[str, Content],
        metadata: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> ArtifactRef:
        """Commit the next version of an artifact; several processes never get the same one.

        Args:
            kind: one of `training.artifacts.versions.KINDS`.
            name: of the artifact.
            files: by their path in the commit: encoded trees, or bytes.
            metadata: plain values.
            tags: words by which `list` finds it.
        """
        versions = Versions(self, kind, name)
        about = Manifest("", {}, metadata or {}, dict(tags or {}), created=time.time())
        return versions.ref(self._commit(versions.free_paths(), files, about))

    def get(self, kind: str, name: str, version: int | None = None) -> Commit:
        """A version of an artifact, the newest by default.

        Raises:
            NotFoundError: there is none.
            IntegrityError: its manifest is damaged.
        """
        return Versions(self, kind, name).commit(version)

    def versions(self, kind: str, name: str) -> builtins.list[int]:
        """The numbers of all versions of an artifact, ascending."""
        return Versions(self, kind, name).numbers()

    def list(
        self,
        kind: str | None = None,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> builtins.list[ArtifactRef]:
        """All versions of a kind and a name that have all of these tags."""
        return find(self, kind, name, tags or {})

    def delete(self, kind: str, name: str, version: int) -> None:
        """Delete a version of an artifact; its number is never given again.

        Raises:
            NotFoundError: there is none.
        """
        Versions(self, kind, name).delete(version)

    def clean(
        self,
        kind: str | None = None,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
        *,
        keep: int = 1,
        older_than: float = 0.0,
        dry_run: bool = False,
    ) -> builtins.list[ArtifactRef]:
        """Delete versions by age and count; returns which.

        What a document or another manifest in the store names by its path stays.

        Args:
            kind: one of `KINDS`; None: all.
            name: of the artifact; None: all.
            tags: that a version must have to go.
            keep: so many of the newest of each artifact stay, at least one.
            older_than: seconds; younger ones stay too.
            dry_run: only look.
        """
        found = outdated(
            self,
            self._backend,
            kind=kind,
            name=name,
            tags=tags or {},
            keep=keep,
            older_than=older_than,
        )
        for ref in () if dry_run else found:
            self.delete(ref.kind, ref.name, ref.version)
        return found

    def _commit(
        self,
        paths: Iterable[str],
        files: Mapping[str, Content],
        about: Manifest,
    ) -> Commit:
        """Commit at the first of these paths that is free, with a manifest like this."""
        for file in files:
            parts_of(file)
        with self._backend.stage() as stage:
            entries = {file: stage.add(file, content) for file, content in files.items()}
            for path in paths:
                manifest = replace(about, path=path, files=entries, data=stage.data)
                data = manifest.to_bytes()
                try:
                    stage.publish(path, data)
                except ExistsError as error:
                    refusal = error
                    continue
                return self._described(Manifest.from_bytes(data, path, path), data)
            raise refusal

    def _manifest(self, path: str) -> tuple[Manifest, bytes]:
        parts_of(path)
        place = f"{path}/{MANIFEST}"
        try:
            data = read_document(self._backend, place)
        except NotFoundError:
            raise NotFoundError(f"there is no commit {path} in {self.url}") from None
        return Manifest.from_bytes(data, path, place), data

    def _described(self, manifest: Manifest, data: bytes) -> Commit:
        return Commit(
            path=manifest.path,
            uri=f"{self.url}/{manifest.path}",
            files=manifest.files,
            metadata=manifest.metadata,
            tags=manifest.tags,
            digest=manifest_digest(data),
            created=manifest.created,
            data=manifest.data,
        )


def _opened(url: str) -> tuple[Backend, str]:
    """The place that a URL names, and the URL, which no change of directory changes."""
    protocol, separator, rest = url.partition("://")
    if separator and protocol != "file":
        from training.artifacts.objects import Objects

        return Objects(url), f"{protocol}://{rest.rstrip('/')}"
    if sys.platform == "win32":
        raise StorageError("a local store needs Linux or macOS: on Windows, use WSL 2")
    from training.artifacts.disk import Disk

    if not url.strip():
        raise InputError("the storage has no name; expected a folder or a URL, such as ./artifacts")
    root = os.path.abspath(unquote(rest) if separator else url)  # noqa: PTH100 - keeps links
    if os.path.exists(root) and not os.path.isdir(root):  # noqa: PTH110, PTH112 - as above
        raise InputError(f"the storage {root} is a file; expected a folder")
    return Disk(root), root


def _entry(manifest: Manifest, file: str) -> FileEntry:
    if file not in manifest.files:
        raise NotFoundError(
            f"{manifest.path} has no file {file!r}; {did_you_mean(file, manifest.files)}"
        )
    return manifest.files[file]


def _room(size: int) -> memoryview:
    """Unlike a bytearray, not filled with zeros first: that takes longer than reading.

    NumPy asks for huge pages where it allocates much; the kernel has them for what is aligned, and
    each saves 511 page faults: those of small pages take longer than reading, too.
    """
    if size < _HUGE_PAGE:
        return np.empty(size, np.uint8).data
    pages = -(-size // _HUGE_PAGE) + 1  # one more, to begin where one begins
    room = np.empty(pages * _HUGE_PAGE, np.uint8)
    start = -room.ctypes.data % _HUGE_PAGE
    return room[start : start + size].data
