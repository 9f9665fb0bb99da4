"""Checking every byte that a store holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from training.artifacts.documents import unseal_at
from training.artifacts.manifest import Manifest
from training.artifacts.names import CONFIGS, MANIFEST
from training.artifacts.reading import check_file, read_document
from training.errors import IntegrityError, RetrainError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from training.artifacts.backend import Backend


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it was written.

    Attributes:
        path: in the store.
        what: damaged, missing, or extra; and what was found.
        unit: what has to be moved aside with it: the whole commit that a damaged file belongs to.
    """

    path: str
    what: str
    unit: str


@dataclass(slots=True)
class Verification:
    """What a check found.

    Attributes:
        files: number of files that were looked at, manifests and documents among them.
        bytes: number of bytes that were digested.
        problems: empty when all is well.
    """

    files: int = 0
    bytes: int = 0
    problems: list[Problem] = field(default_factory=list)


def verify(backend: Backend, prefix: str) -> Verification:
    """Check all commits and documents at or below a path.

    Whatever is neither a document nor named by a manifest is a problem too, but in `configs/`.
    """
    found = Verification()
    walked = backend.walk(prefix)
    regular = {path: is_file for path, is_file in walked if not path.startswith(f"{CONFIGS}/")}
    commits = [path.removesuffix(f"/{MANIFEST}") for path in regular if _is_manifest(path)]
    for path in sorted(commits):
        for named in _check_commit(backend, path, found, regular):
            regular.pop(named, None)
    for path, is_file in sorted(regular.items()):
        inside = any(path.startswith(f"{commit}/") for commit in commits)
        _check_rest(backend, path, found, is_document=is_file and not inside)
    found.problems.sort(key=lambda problem: problem.path)
    return found


def _is_manifest(path: str) -> bool:
    return path.endswith(f"/{MANIFEST}")


def _check_commit(
    backend: Backend, path: str, found: Verification, regular: Iterable[str]
) -> list[str]:
    """Check a commit; returns the paths of all its files: all in it, where nobody can tell.

    One that is removed meanwhile, by a run that thins out its checkpoints, is no problem.
    """
    own = f"{path}/{MANIFEST}"
    named, problems = [own], []
    try:
        data = read_document(backend, own)
        manifest = Manifest.from_bytes(data, path, own)
    except RetrainError as error:
        problems.append(Problem(own, str(error), path))
        named += [name for name in regular if name.startswith(f"{path}/") and name != own]
    else:
        found.bytes += len(data)
        for entry in manifest.files.values():
            named.append(file := manifest.place(entry))
            try:
                check_file(backend, file, entry)
                found.bytes += entry.size
            except RetrainError as error:
                problems.append(Problem(file, str(error), path))
    found.files += len(named)
    if backend.exists(own):
        found.problems += problems
    return named


def _check_rest(backend: Backend, path: str, found: Verification, *, is_document: bool) -> None:
    """Check what no manifest names: outside of commits it must be a document, of this path."""
    found.files += 1
    try:
        if not is_document:
            raise IntegrityError(f"{path} is extra: no manifest names it, no store made it")
        data = read_document(backend, path)
        unseal_at(path, data)
        found.bytes += len(data)
    except RetrainError as error:
        if backend.exists(path):
            found.problems.append(Problem(path, str(error), path))
