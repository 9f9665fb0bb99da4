"""Mending a storage: nothing is deleted but what dead processes left, and everything is said."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.errors import ExistsError, IntegrityError, NotFoundError, RetrainError
from training.registry.claims import Claims
from training.registry.paths import deleted_path, version_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts import ArtifactStore, Problem

_COMMIT = re.compile(
    r"(runs/[^/]+/(?:checkpoints/[^/]+|report)|models/[^/]+/files/[^/]+"
    r"|artifacts/[^/]+/[^/]+/versions/[^/]+)/.+"
)
"""Where there are only commits: files without a manifest are moved aside together."""
_CLAIM = re.compile(r"models/([A-Za-z0-9][A-Za-z0-9._-]{0,127})/versions/(\d{8})\.json")
_ALIAS = re.compile(r"(models/[^/]+/aliases/[^/]+)/\d{8}\.json")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that was done, or could not be.

    Attributes:
        path: in the store.
        what: in words.
        is_done: False: a person has to.
    """

    path: str
    what: str
    is_done: bool = True


def repair(store: ArtifactStore, prefix: str = "") -> Iterator[Action]:
    """Delete what dead processes left, move what is damaged aside; each is told when it is done.

    Args:
        store: the storage.
        prefix: a path; what dead processes left is deleted in any case.

    Raises:
        NotFoundError: there is nothing at that path.
    """
    if not prefix and store.index.forget():
        yield Action(str(store.index.path), "deleted: the next long list makes this index again")
    for path in store.sweep():
        yield Action(path, "deleted: a process that died left it")
    units = {_unit(store, problem): problem for problem in store.verify(prefix).problems}
    for unit, problem in sorted(units.items()):
        if not any(unit.startswith(f"{other}/") for other in units):
            yield _move_aside(store, unit, problem)


def _move_aside(store: ArtifactStore, unit: str, problem: Problem) -> Action:
    alias = _ALIAS.fullmatch(unit)
    if alias is not None and unit.endswith(max(store.numbered(alias[1]))):
        what = (
            "left where it is: without it the alias would silently go back to an older version; "
            f"set the alias again ({problem.what})"
        )
        return Action(unit, what, is_done=False)
    claim = _CLAIM.fullmatch(unit)
    if claim is not None:
        name, number = claim[1], int(claim[2])
        files = _restored(store, name, number)
        if files is not None:
            return Action(unit, f"written anew, for {files}: {problem.what}")
        with suppress(ExistsError):  # or its number would be given to another model
            store.create(deleted_path(name, number), {"why": "its claim was damaged"})
    place = store.quarantine(unit, found=True)
    return Action(unit, f"moved to {place}: {problem.what}")


def _restored(store: ArtifactStore, name: str, number: int) -> str | None:
    """The files of a version whose claim was written anew; None: nobody knows them any more."""
    try:
        damaged = store.unverified(version_path(name, number))
        return Claims(store).restore(name, number, damaged)
    except RetrainError:
        return None


def _unit(store: ArtifactStore, problem: Problem) -> str:
    """What has to be moved together: a whole commit, also where its manifest is gone."""
    inside = _COMMIT.fullmatch(problem.path)
    if inside is not None and problem.unit == problem.path:
        try:
            store.open(inside[1])
        except NotFoundError:
            return inside[1]
        except IntegrityError:
            return problem.unit
    return problem.unit
