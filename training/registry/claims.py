"""Which run may commit which version: claimed exclusively, before anything else is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.errors import ExistsError
from training.registry.paths import (
    claim_path,
    claims_path,
    deleted_path,
    note_path,
    version_path,
    versions_path,
)

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore


@dataclass(slots=True)
class _Known:
    """What this process has seen of the claims of one model.

    Attributes:
        newest: the highest number that is claimed.
        unfollowed: numbers that were claimed and that no version followed.
    """

    newest: int
    unfollowed: list[int]


class Claims:
    """The claims of all models in a store."""

    def __init__(self, store: ArtifactStore) -> None:
        """Look at nothing yet."""
        self._store = store
        self._of: dict[str, _Known] = {}

    def claim(self, name: str, owner: dict[str, str]) -> int:
        """The version number that this run's weights have, or get now.

        Args:
            name: of the model.
            owner: `run_id`, `stage` and `digest`.
        """
        note = note_path(name, owner)
        if self._store.exists(note):
            return int(self._store.document(note)["version"])
        version = self._own(name, owner) or self._new(name, owner)
        self._store.create(note, {"version": version})
        self._known(name).unfollowed.remove(version)
        return version

    def forget(self, name: str, version: int) -> None:
        """A version is deleted: its run may register again, under another number."""
        claim = claim_path(name, version)
        if self._store.exists(claim):
            self._store.remove(note_path(name, self._store.document(claim)))
        self._of.pop(name, None)

    def _own(self, name: str, owner: dict[str, str]) -> int | None:
        """A claim that this run made before it died, and that no version followed."""
        for number in self._known(name).unfollowed:
            if self._store.document(claim_path(name, number)) == owner:
                return number
        return None

    def _new(self, name: str, owner: dict[str, str]) -> int:
        known = self._known(name)
        while True:
            known.newest += 1
            if self._store.exists(version_path(name, known.newest)):
                continue  # its claim was lost
            try:
                self._store.create(claim_path(name, known.newest), owner)
            except ExistsError:
                known.newest = max(known.newest, self._listed(name).newest)
                continue  # another run was quicker: the next number
            known.unfollowed.append(known.newest)
            return known.newest

    def _known(self, name: str) -> _Known:
        """What this process has seen; an exclusive create tells what others have claimed since."""
        if name not in self._of:
            self._of[name] = self._listed(name)
        return self._of[name]

    def _listed(self, name: str) -> _Known:
        claims, versions, deleted = (
            {int(item[:8]) for item in self._store.numbered(folder)}
            for folder in (claims_path(name), versions_path(name), deleted_path(name))
        )
        newest = max(claims | versions | deleted, default=0)
        return _Known(newest, sorted(claims - versions - deleted))
