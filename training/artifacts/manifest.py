"""What a commit consists of: written last, and believed before anything else."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from training.artifacts.documents import seal, unseal
from training.artifacts.names import parts_of
from training.errors import InputError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1
ALGORITHM = "blake3"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DATA = re.compile(r"\.data/[0-9A-Za-z-]{1,128}")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a commit.

    Attributes:
        path: relative to the commit.
        size: bytes.
        algorithm: of the digest: `blake3`.
        digest: in hexadecimal.
        format: `safetensors` (`read_tree` decodes it) or `bytes`; never told by the name.
    """

    path: str
    size: int
    algorithm: str
    digest: str
    format: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is said of a commit.

    Attributes:
        path: where the commit was made: one that was copied elsewhere is not believed.
        files: by their path.
        metadata: what else its maker said: lineage, metrics.
        tags: words by which it is found.
        data: where the files lie, on storage without directories; empty: beside the manifest.
        created: of a numbered artifact: when, in seconds since 1970.
    """

    path: str
    files: Mapping[str, FileEntry]
    metadata: Mapping[str, Any]
    tags: Mapping[str, str]
    data: str = ""
    created: float | None = None

    def to_bytes(self) -> bytes:
        """The manifest as a sealed document.

        Raises:
            StorageError: the metadata is not plain.
        """
        body = {
            "schema": SCHEMA,
            "path": self.path,
            "data": self.data,
            "files": [asdict(self.files[path]) for path in sorted(self.files)],
            "metadata": self.metadata,
            "tags": self.tags,
        }
        return seal(body if self.created is None else body | {"created": self.created})

    def place(self, entry: FileEntry) -> str:
        """The path of a file in the store."""
        return f"{self.data or self.path}/{entry.path}"

    @classmethod
    def from_bytes(cls, data: bytes, path: str, where: str) -> Manifest:
        """Read it back, with every name in it checked.

        Args:
            data: what `to_bytes` made.
            path: of the commit that it was found in.
            where: what an error names.

        Raises:
            IntegrityError: it is damaged, of another commit or of a later version.
        """
        body = unseal(data, where)
        try:
            return cls._checked(body, path)
        except (InputError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise IntegrityError(f"{where} is no manifest of {path}: {error}") from None

    @classmethod
    def _checked(cls, body: dict[str, Any], path: str) -> Manifest:
        if body["schema"] != SCHEMA:
            raise ValueError(f"schema {body['schema']!r}; this version reads {SCHEMA}")
        if body["path"] != path:
            raise ValueError(f"it belongs to {body['path']!r}")
        if body["data"] != "" and not _DATA.fullmatch(body["data"]):
            raise ValueError(f"its files lie in {body['data']!r}")
        files = {entry["path"]: _entry(entry) for entry in body["files"]}
        if not isinstance(body["metadata"], dict) or not _are_tags(body["tags"]):
            raise ValueError("its metadata or its tags are none")
        created = body.get("created")
        if created is not None and not isinstance(created, float):
            raise ValueError(f"it was created at {created!r}")
        return cls(path, files, body["metadata"], body["tags"], body["data"], created)


def _are_tags(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(word, str) for word in value.values())


def _entry(body: dict[str, Any]) -> FileEntry:
    entry = FileEntry(**body)
    parts_of(entry.path)
    if not isinstance(entry.format, str):
        raise TypeError(f"format {entry.format!r} of {entry.path}")
    if type(entry.size) is not int or entry.size < 0:
        raise ValueError(f"size {entry.size!r} of {entry.path}")
    if entry.algorithm != ALGORITHM or not _DIGEST.fullmatch(entry.digest):
        raise ValueError(f"digest {entry.algorithm}:{entry.digest} of {entry.path}")
    return entry


def manifest_digest(data: bytes) -> str:
    """`sha256:` and the digest of a manifest, to the byte as it is stored."""
    return f"sha256:{sha256(data).hexdigest()}"
