"""Aliases: names whose version moves, each move stating what it replaces.

Under `aliases/champion/00000007.json` lies the seventh version that `champion` was given, with who
gave it, when and why. A move takes the next number exclusively: of two at once one wins and the
other is told. Going back is a move like any other, so nothing of the history is ever lost.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from training.artifacts import Pointer
from training.errors import IntegrityError, NotFoundError
from training.registry.paths import alias_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from training.artifacts import ArtifactStore, Move

_NUMBER = re.compile(r"[1-9][0-9]{0,7}")


class AliasPointer(Protocol):
    """What an alias points to, and its history; a `Pointer` is one."""

    @property
    def value(self) -> str | None:
        """The version; None: none."""
        ...

    def history(self) -> Iterator[Move]:
        """All moves, the newest first."""
        ...

    def move(self, to: str | None, *, expect: str | None, why: str = "", who: str = "") -> Move:
        """Point elsewhere, if it points to what is expected.

        Raises:
            ConflictError: it points elsewhere.
        """
        ...


class Aliases:
    """The aliases of one model; whether a version is there is not looked at."""

    def __init__(self, store: ArtifactStore, name: str) -> None:
        """Read and move the aliases of the model `name`."""
        self._store = store
        self._name = name

    def all(self) -> dict[str, int]:
        """Those that point to a version.

        Raises:
            IntegrityError: one is damaged.
        """
        names = self._names()
        found = {alias: self.value(alias) for alias in names}
        return {alias: version for alias, version in found.items() if version is not None}

    def value(self, alias: str) -> int | None:
        """The version that an alias points to; None: it points to none.

        Raises:
            IntegrityError: its newest entry is damaged; an older one is never taken for it.
        """
        return self._number(alias, self._pointer(alias).value)

    def history(self, alias: str) -> list[Move]:
        """What an alias was moved to, by whom, when and why; the newest first."""
        return list(self._pointer(alias).history())

    def move(self, alias: str, to: int | None, expect: int | None, why: str, who: str) -> Move:
        """Point to a version, if the alias points to what is expected.

        Raises:
            ConflictError: it points to another one: somebody moved it first.
        """
        return self._pointer(alias).move(_text(to), expect=_text(expect), why=why, who=who)

    def previous(self, alias: str, versions: Iterable[int]) -> tuple[int, int]:
        """The version that an alias points to, and the one that a rollback goes back to.

        As in an editor, going back twice leads to the one before: a move to what stood there before
        the last one counts as going back, whoever made it.

        Args:
            alias: of this model.
            versions: those that are there; others cannot be gone back to.

        Raises:
            NotFoundError: there is nothing to go back to.
        """
        trail: list[int] = []
        for move in reversed(self.history(alias)):
            to = self._number(alias, move.to)
            if to is None:
                continue
            if trail[-2:-1] == [to]:
                trail.pop()
            elif trail[-1:] != [to]:
                trail.append(to)
        now, there = self.value(alias), set(versions)
        earlier = [version for version in trail if version in there and version != now]
        if now is None or not earlier:
            points = f"points to {now}" if now else "points to none"
            raise NotFoundError(
                f"the alias {alias!r} of model {self._name!r} {points}, and there is no version "
                "before it to go back to; set it with: retrain models promote NAME:VERSION"
            )
        return now, earlier[-1]

    def _names(self) -> Iterable[str]:
        return self._store.children(alias_path(self._name))

    def _pointer(self, alias: str) -> AliasPointer:
        return Pointer(self._store, alias_path(self._name, alias))

    def _number(self, alias: str, value: str | None) -> int | None:
        if value is None or (isinstance(value, str) and _NUMBER.fullmatch(value)):
            return int(value) if value else None
        raise IntegrityError(
            f"the alias {alias!r} of model {self._name!r} points to {str(value)[:100]!r}, which is "
            f"no version; set it again ({alias_path(self._name, alias)})"
        )


def _text(version: int | None) -> str | None:
    return None if version is None else str(version)
