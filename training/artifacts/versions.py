"""Numbered artifacts of a kind: `artifacts/KIND/NAME/versions/00000001`, each a commit.

A number is used once. Deleting a version leaves a note under `deleted/`, made before the version
goes, so that its number is never given again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, get_args

from training.artifacts.names import name_of
from training.errors import (
    ExistsError,
    InputError,
    NotFoundError,
    did_you_mean,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from training.artifacts.store import ArtifactStore, Commit

Kind = Literal["configurations", "datasets", "evaluations", "metrics", "models", "other", "reports"]
KINDS: tuple[str, ...] = get_args(Kind)

ROOT = "artifacts"


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """One version of an artifact.

    Attributes:
        kind: one of `KINDS`.
        name: of the artifact.
        version: 1, 2, 3 …
        path: in the store.
        digest: of its manifest.
        tags: words by which it is found.
        created: when, in seconds since 1970.
    """

    kind: str
    name: str
    version: int
    path: str
    digest: str
    tags: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0


class Versions:
    """All versions of one artifact in a store."""

    def __init__(self, store: ArtifactStore, kind: str, name: str) -> None:
        """Look at one artifact, which need not exist.

        Raises:
            InputError: no such kind, or not one name.
        """
        if kind not in KINDS:
            raise InputError(f"{kind!r} is no kind of artifact; {did_you_mean(kind, KINDS)}")
        self.kind = kind
        self.name = name_of(name)
        self._store = store
        self._folder = f"{ROOT}/{kind}/{name}"

    def numbers(self) -> list[int]:
        """Those that can be read, ascending."""
        gone = self._noted("deleted")
        return sorted(self._noted("versions") - gone)

    def free_paths(self) -> Iterator[str]:
        """Where the next version can lie, and the one after it, for the case that it is taken."""
        used = self._noted("versions")
        used |= self._noted("deleted")  # in this order: a deletion makes its note first
        for number in count(max(used, default=0) + 1):
            if not self._store.exists(self._note(number)):
                yield self._path(number)

    def ref(self, commit: Commit) -> ArtifactRef:
        """The reference to a version."""
        number = int(commit.path.rpartition("/")[2])
        created = commit.created or 0.0
        return ArtifactRef(
            self.kind, self.name, number, commit.path, commit.digest, commit.tags, created
        )

    def commit(self, number: int | None) -> Commit:
        """One version, the newest by default.

        Raises:
            NotFoundError: there is none.
        """
        return self._store.open(self._path(self._existing(number)))

    def delete(self, number: int) -> None:
        """Delete a version.

        Raises:
            NotFoundError: there is none.
        """
        path = self._path(number)
        if number not in self._noted("versions"):
            self._existing(number)
        with suppress(ExistsError):  # a deletion that died in the middle is completed
            self._store.create(self._note(number), {"deleted": path})
        self._store.remove(path)

    def half_deleted(self) -> list[str]:
        """The paths of versions whose deletion was begun and not completed."""
        gone = self._noted("deleted") & self._noted("versions")
        return [self._path(number) for number in sorted(gone)]

    def refs(self) -> Iterator[ArtifactRef]:
        """All versions whose manifest can be read; the others are logged."""
        gone = self._noted("deleted")
        summaries = self._store.summaries(f"{self._folder}/versions", "artifact", self._summary)
        for path, summary in sorted(summaries.items()):
            number = int(path.rpartition("/")[2])
            if number not in gone:
                yield ArtifactRef(self.kind, self.name, number, path, **summary)

    def _existing(self, number: int | None) -> int:
        if number is None:
            newest = max(self._noted("versions"), default=0)
            if newest and self._is_there(newest):
                return newest
        elif self._is_there(number):
            return number
        numbers = self.numbers()
        if not numbers:
            raise NotFoundError(f"there is no {self.name!r} among the {self.kind}")
        if number is not None and number not in numbers:
            raise NotFoundError(
                f"{self.kind} {self.name!r} has no version {number}; "
                f"it has {', '.join(map(str, numbers[-10:]))}"
            )
        return numbers[-1] if number is None else number

    def _is_there(self, number: int) -> bool:
        """The same as to be among `numbers`, however many there are."""
        return self._store.exists(self._path(number)) and not self._store.exists(self._note(number))

    def _path(self, number: int) -> str:
        return f"{self._folder}/versions/{number:08d}"

    def _note(self, number: int) -> str:
        return f"{self._folder}/deleted/{number:08d}.json"

    def _summary(self, path: str) -> dict[str, Any]:
        commit = self._store.open(path)
        created = commit.created or 0.0
        return {"digest": commit.digest, "tags": dict(commit.tags), "created": created}

    def _noted(self, folder: str) -> set[int]:
        return {int(name[:8]) for name in self._store.numbered(f"{self._folder}/{folder}")}


def find(
    store: ArtifactStore, kind: str | None, name: str | None, tags: Mapping[str, str]
) -> list[ArtifactRef]:
    """All versions of a kind and a name that have all of these tags.

    Raises:
        InputError: no such kind.
    """
    return [
        ref
        for one_kind in (KINDS if kind is None else (kind,))
        for one_name in (store.children(f"{ROOT}/{one_kind}") if name is None else [name])
        for ref in Versions(store, one_kind, one_name).refs()
        if tags.items() <= ref.tags.items()
    ]
