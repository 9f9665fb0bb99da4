"""Which numbered artifacts are old and many enough to go; never one that something refers to."""

from __future__ import annotations

import re
import time
from itertools import groupby
from typing import TYPE_CHECKING

from training.artifacts.names import MANIFEST
from training.artifacts.reading import read_document
from training.artifacts.versions import ROOT, find
from training.errors import InputError, RetrainError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from training.artifacts.backend import Backend
    from training.artifacts.store import ArtifactStore
    from training.artifacts.versions import ArtifactRef

_PATH = re.compile(rb"artifacts/[a-z]+/[A-Za-z0-9][A-Za-z0-9._-]{0,127}/versions/\d{8}")


def outdated(
    store: ArtifactStore,
    backend: Backend,
    *,
    kind: str | None,
    name: str | None,
    tags: Mapping[str, str],
    keep: int,
    older_than: float,
) -> list[ArtifactRef]:
    """Versions beyond the newest `keep` of their artifact that are older than so many seconds.

    Those that any document or manifest in the store names by their path are left out.

    Raises:
        InputError: nothing would be kept.
    """
    if keep < 1:
        raise InputError(f"keep = {keep}: at least the newest version of an artifact always stays")
    before = time.time() - older_than
    old = [
        ref
        for _, versions in groupby(find(store, kind, name, {}), lambda ref: (ref.kind, ref.name))
        for ref in list(versions)[:-keep]
        if ref.created <= before and tags.items() <= ref.tags.items()
    ]
    needed = _referred_to(backend) if old else set()
    return [ref for ref in old if ref.path not in needed]


def _referred_to(backend: Backend) -> set[str]:
    """Paths of numbered artifacts that stand in any text of the store but their own."""
    return {
        found.decode()
        for path, text in _texts(backend)
        for found in _PATH.findall(text)
        if not path.startswith(f"{found.decode()}/")
    }


def _texts(backend: Backend) -> Iterator[tuple[str, bytes]]:
    paths = [path for path, is_file in backend.walk("") if is_file]
    commits = {path.removesuffix(MANIFEST) for path in paths if path.endswith(f"/{MANIFEST}")}
    for path in paths:
        is_manifest = path.endswith(f"/{MANIFEST}")
        inside = any(folder in commits for folder in _above(path))
        if (is_manifest or not inside) and not _is_note_of_deletion(path):
            try:
                yield path, read_document(backend, path)
            except RetrainError:
                continue  # it is damaged: `verify` tells, and it refers to nothing any more


def _above(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))


def _is_note_of_deletion(path: str) -> bool:
    return path.startswith(f"{ROOT}/") and "/deleted/" in path
