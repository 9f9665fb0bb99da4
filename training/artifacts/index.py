"""A memory of what manifests said, for lists of thousands: nothing is believed because it is here.

A commit never changes, so what its manifest said may be remembered. What exists is always looked up
in the store; a row counts only while the store gives the same stamp for its commit (a whole list:
for its folder), and a commit is never loaded by what a row says. So the index can be lost, deleted
or out of date without harm; it is an SQLite file for each store in this machine's cache folder
(RETRAIN_CACHE, or XDG_CACHE_HOME, or `~/.cache`); where that cannot be written, lists take longer.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from blake3 import blake3

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

SCHEMA = 1
WORTH_IT = 64
"""Fewer commits are read sooner than looked up."""

Summary = dict[str, Any]


class Index:
    """What the manifests of one store said."""

    def __init__(self, url: str) -> None:
        """For the store at this URL; nothing is made before it is of use."""
        self._name = f"index-{blake3(url.encode()).hexdigest()[:24]}.sqlite"

    @property
    def path(self) -> Path:
        """Where it is.

        Raises:
            OSError: this machine has no cache folder.
        """
        return cache_folder() / self._name

    def summaries(
        self, view: str, stamps: Mapping[str, str], read: Callable[[str], Summary | None]
    ) -> dict[str, Summary]:
        """A summary of each commit.

        Args:
            view: what is summarized; another view has other rows.
            stamps: of each commit, by its path; a row with another stamp is out of date.
            read: reads a manifest and makes its summary; None where it is damaged.
        """
        if len(stamps) < WORTH_IT:
            return _read(stamps, read)
        import sqlite3

        try:
            with closing(self._opened()) as database:
                return _looked_up(database, view, stamps, read)
        except (sqlite3.Error, OSError, orjson.JSONDecodeError):
            self.forget()  # damaged, or no place for it: the next list makes it again
            return _read(stamps, read)

    def known_list(self, view: str, path: str, stamp: str) -> dict[str, Summary] | None:
        """The summaries of all commits at a path, if nothing came or went there since."""
        import sqlite3

        try:
            if not self.path.exists():
                return None
            with closing(self._opened()) as database:
                row = database.execute(
                    f"SELECT summaries FROM list{SCHEMA} WHERE view = ? AND path = ? AND stamp = ?",  # noqa: S608 - a number of our own
                    (view, path, stamp),
                ).fetchone()
                return orjson.loads(row[0]) if row else None
        except (sqlite3.Error, OSError, orjson.JSONDecodeError):
            self.forget()
            return None

    def note_list(self, view: str, path: str, stamp: str, summaries: dict[str, Summary]) -> None:
        """Remember them, where they are many."""
        import sqlite3

        if len(summaries) < WORTH_IT:
            return
        with suppress(sqlite3.Error, OSError), closing(self._opened()) as database:
            database.execute(
                f"INSERT OR REPLACE INTO list{SCHEMA} VALUES (?, ?, ?, ?)",  # noqa: S608 - as above
                (view, path, stamp, orjson.dumps(summaries)),
            )

    def forget(self) -> bool:
        """Delete it; whether there was one."""
        found = False
        with suppress(OSError):
            found = self.path.exists()
            for ending in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        return found

    def _opened(self) -> sqlite3.Connection:
        import sqlite3

        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=5, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")  # it can be lost
        database.execute(
            f"CREATE TABLE IF NOT EXISTS said{SCHEMA} "
            "(view TEXT, path TEXT, stamp TEXT, summary TEXT, PRIMARY KEY (view, path)) "
            "WITHOUT ROWID"
        )
        database.execute(
            f"CREATE TABLE IF NOT EXISTS list{SCHEMA} "
            "(view TEXT, path TEXT, stamp TEXT, summaries BLOB, PRIMARY KEY (view, path))"
        )
        return database


def cache_folder() -> Path:
    """Where this machine keeps what it can lose.

    Raises:
        OSError: nowhere.
    """
    given = os.environ.get("RETRAIN_CACHE")
    if given:
        return Path(given)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "retrain"
    except RuntimeError as error:  # a user without a home, as in some containers
        raise OSError(str(error)) from error


def _read(paths: Mapping[str, str], read: Callable[[str], Summary | None]) -> dict[str, Summary]:
    found = ((path, read(path)) for path in paths)
    return {path: summary for path, summary in found if summary is not None}


def _looked_up(
    database: sqlite3.Connection,
    view: str,
    stamps: Mapping[str, str],
    read: Callable[[str], Summary | None],
) -> dict[str, Summary]:
    first, last = min(stamps), max(stamps)
    rows = database.execute(
        f"SELECT path, stamp, summary FROM said{SCHEMA} "  # noqa: S608 - a number of our own
        "WHERE view = ? AND path BETWEEN ? AND ?",
        (view, first, last),
    )
    found = {
        path: orjson.loads(summary) for path, stamp, summary in rows if stamps.get(path) == stamp
    }
    fresh = _read({path: stamp for path, stamp in stamps.items() if path not in found}, read)
    if fresh:
        database.execute("BEGIN")
        database.executemany(
            f"INSERT OR REPLACE INTO said{SCHEMA} VALUES (?, ?, ?, ?)",  # noqa: S608 - as above
            [
                (view, path, stamps[path], orjson.dumps(summary).decode())
                for path, summary in fresh.items()
            ],
        )
        database.execute("COMMIT")
    return found | fresh
