"""Which files are which version: claimed by one exclusive create, after they are committed.

A model's files are committed first, in a folder whose name only they can have (run, stage, digest).
Then `versions/00000003.json` makes them version 3. That the same files never get two numbers rests
on one rule: nobody tries a number before every lower one was seen to be another's. Of two processes
that register the same, one is second at some number, and finds its own files there.

Whoever has just committed files knows that no number given before can be theirs, and looks at later
ones only. Where the files were there already, or where the storage has not as many as it has
versions (some were lost, or a run died before it claimed), every claim is looked at.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import count, islice
from math import isfinite
from typing import TYPE_CHECKING, Any

from training.artifacts.names import is_name
from training.errors import ExistsError, IntegrityError, NotFoundError
from training.registry.paths import (
    deleted_path,
    files_path,
    place_of,
    used_up_path,
    version_path,
    versions_path,
)
from training.registry.version import card_of

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore, Commit

logger = logging.getLogger(__name__)

_UNREAD = 10_000
"""Claims that are looked for one by one: whoever makes a claim with a high number gains no more."""


@dataclass(frozen=True, slots=True)
class CommittedFiles:
    """The files of a model, durable, to be claimed as a version.

    Attributes:
        name: of the model.
        place: the name of their folder.
        commit: they.
        seen: no number up to this one is theirs; None: that is not known.
    """

    name: str
    place: str
    commit: Commit
    seen: int | None


class Claims:
    """The version numbers of all models in a store."""

    def __init__(self, store: ArtifactStore) -> None:
        """Look at nothing yet."""
        self._store = store
        self._newest: dict[str, int] = {}

    def newest(self, name: str) -> int | None:
        """A number that is given, as every lower one; None: files may be lost that had one.

        What this process has seen is enough: an exclusive create tells what others did since.
        """
        if name not in self._newest:
            given, deleted = self.given(name), self.deleted(name)
            if len(self._store.names(files_path(name))) != len(given - deleted):
                return None
            self._newest[name] = max(given | deleted, default=0)
        return self._newest[name]

    def place(self, name: str, run_id: str, stage: str, digest: str) -> str:
        """Where a run's files belong; after they were deleted there, another place."""
        first = place_of(run_id, stage, digest)
        places = (first if number == 1 else f"{first}.{number}" for number in count(1))
        return next(place for place in places if not self.is_used_up(name, place))

    def is_used_up(self, name: str, place: str) -> bool:
        """Whether files were deleted there."""
        return self._store.exists(used_up_path(name, place))

    def claim(self, files: CommittedFiles) -> int:
        """The version that these files are, or become now."""
        name, at, found = files.name, files.seen, None
        if at is None:
            at, found = self._search(name, files.place)
        while found is None:
            at += 1
            if self._take(files, at) or self._place_at(name, at) == files.place:
                found = at
        if name in self._newest:
            self._newest[name] = max(self._newest[name], at)
        return found

    def given(self, name: str) -> set[int]:
        """All numbers that were ever claimed."""
        return {int(item[:8]) for item in self._store.numbered(versions_path(name))}

    def deleted(self, name: str) -> set[int]:
        """Numbers of versions that were deleted."""
        return {int(item[:8]) for item in self._store.numbered(deleted_path(name))}

    def read(self, name: str, version: int) -> dict[str, Any]:
        """What a claim says: `files`, `run_id`, `digest`, `metrics`.

        Raises:
            NotFoundError: there is none.
            IntegrityError: it is damaged, or is no claim.
        """
        return self._read(version_path(name, version))

    def rows(self, name: str) -> dict[str, dict[str, Any]]:
        """What lists say of versions, by the path of the claim: also `version` and `uri`.

        Claims that are damaged are logged and left out.
        """
        return self._store.summaries(versions_path(name), "model", self._row)

    def restore(self, name: str, version: int, damaged: bytes) -> str | None:
        """Write a damaged claim anew, where what is left of it names files that no other claims.

        Returns:
            The place of the files; None: nobody can tell which they were.
        """
        claimed = {_place(row) for row in self.rows(name).values()}
        places = set(self._store.children(files_path(name))) - claimed
        named = [place for place in places if f'"{place}"'.encode() in damaged]
        if len(named) != 1 or version in self.deleted(name):
            return None
        commit = self._store.open(files_path(name, named[0]))
        body = _said(CommittedFiles(name, named[0], commit, None))
        self._store.replace(version_path(name, version), body)
        return named[0]

    def _row(self, path: str) -> dict[str, Any]:
        folder, _, number = path.rpartition("/")
        body = self._read(path)
        uri = files_path(folder.split("/")[1], body.pop("files"))
        return body | {"version": int(number[:8]), "uri": uri}

    def _take(self, files: CommittedFiles, number: int) -> bool:
        if self._store.exists(deleted_path(files.name, number)):
            return False  # its claim was damaged and moved aside
        try:
            self._store.create(version_path(files.name, number), _said(files))
        except ExistsError:
            return False
        return True

    def _search(self, name: str, place: str) -> tuple[int, int | None]:
        """The newest number, and the one that files have already."""
        given = self.given(name)
        newest = max(given | self.deleted(name), default=0)
        found: dict[int, str | None]
        found = {row["version"]: _place(row) for row in self.rows(name).values()}
        unread = (number for number in range(1, newest + 1) if number not in found)
        for number in islice(unread, _UNREAD):  # a list may miss what comes meanwhile
            found[number] = self._place_at(name, number)
        return newest, next((number for number in found if found[number] == place), None)

    def _place_at(self, name: str, number: int) -> str | None:
        try:
            return str(self.read(name, number)["files"])
        except NotFoundError:
            return None
        except IntegrityError as error:
            logger.warning("version %d of %s is nobody's: %s", number, name, error)
            return None

    def _read(self, path: str) -> dict[str, Any]:
        body = self._store.document(path)
        place, metrics = body.get("files"), body.get("metrics")
        texts = all(isinstance(body.get(key), str) for key in ("files", "run_id", "digest"))
        numbers = isinstance(metrics, dict) and all(
            isinstance(value, int | float) for value in metrics.values()
        )
        if texts and numbers and is_name(str(place)):
            return body
        raise IntegrityError(f"{path} claims no version; see `retrain repair`")


def _place(row: dict[str, Any]) -> str:
    return str(row["uri"]).rpartition("/")[2]


def _said(files: CommittedFiles) -> dict[str, Any]:
    card = card_of(files.commit)
    return {
        "files": files.place,
        "run_id": card["run_id"],
        "digest": files.commit.metadata["digest"],
        "metrics": {name: value for name, value in card["metrics"].items() if isfinite(value)},
    }
