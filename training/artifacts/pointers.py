"""Names whose value moves: a numbered log of exclusive creates, the same on every store.

`FOLDER/00000007.json` is the seventh value that a pointer was given. A move states the value that
it expects to replace and takes the next number exclusively, so of two moves at once one wins and
the other is told; the log is the history, and going back is a move like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from training.errors import ConflictError, ExistsError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts.store import ArtifactStore


class _Anything:
    """The type of `ANYTHING`."""


ANYTHING: Final = _Anything()
"""What a move may replace when it is to happen whatever the pointer says now."""


@dataclass(frozen=True, slots=True)
class Move:
    """One entry of the log.

    Attributes:
        number: 1, 2, 3 …
        to: the value from here on; None: the pointer was taken away.
        why: in the words of whoever moved it.
        at: when, in UTC.
    """

    number: int
    to: str | None
    why: str
    at: str


class Pointer:
    """A pointer in a store, which need not be there yet."""

    def __init__(self, store: ArtifactStore, folder: str) -> None:
        """Keep the log in this folder of the store."""
        self._store = store
        self._folder = folder

    def last(self) -> Move | None:
        """The newest move; None before any.

        Raises:
            IntegrityError: it is damaged. An older value is never taken for it.
        """
        name = self._newest()
        return self._move(name) if name else None

    @property
    def value(self) -> str | None:
        """What it points to now; None: nothing."""
        last = self.last()
        return last.to if last else None

    def history(self) -> Iterator[Move]:
        """All moves, the newest first.

        Raises:
            IntegrityError: one is damaged.
        """
        for name in sorted(self._store.numbered(self._folder), reverse=True):
            yield self._move(name)

    def move(self, to: str | None, *, expect: str | _Anything | None, why: str = "") -> Move:
        """Point elsewhere, if the pointer says what is expected.

        Args:
            to: the new value; None: nothing.
            expect: what it points to now; None: nothing; `ANYTHING`: whatever it is.
            why: for the history.

        Raises:
            ConflictError: it points elsewhere, or somebody moved it at the same time.
        """
        while True:
            name = self._newest()
            number = int(name[:8]) + 1 if name else 1
            if not isinstance(expect, _Anything):
                now = self._move(name).to if name else None
                if now != expect:
                    raise self._conflict(expect, now)
            move = Move(number, to, why, datetime.now(UTC).isoformat(timespec="seconds"))
            try:
                self._store.create(self._path(number), _body(move))
            except ExistsError:
                continue  # somebody was quicker: look again at what it points to
            return move

    def _newest(self) -> str | None:
        return max(self._store.numbered(self._folder), default=None)

    def _move(self, name: str) -> Move:
        path = f"{self._folder}/{name}"
        body: dict[str, Any] = self._store.document(path)
        to, why, at = (body.get(key) for key in ("to", "why", "at"))
        if isinstance(to, str | None) and isinstance(why, str) and isinstance(at, str):
            return Move(int(name[:8]), to, why, at)
        raise IntegrityError(f"{path} is no move of a pointer; make another move")

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:08d}.json"

    def _conflict(self, expected: str | None, now: str | None) -> ConflictError:
        return ConflictError(
            f"{self._folder} points to {now or 'nothing'}, not to {expected or 'nothing'} as was "
            "expected: somebody moved it; look at it again, and decide again"
        )


def _body(move: Move) -> dict[str, str | None]:
    return {"to": move.to, "why": move.why, "at": move.at}
