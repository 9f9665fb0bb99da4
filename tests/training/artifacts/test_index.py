"""Lists of thousands: quick by a memory of what manifests said, and never wrong because of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from training.artifacts import ArtifactRef, ArtifactStore
from training.artifacts.index import WORTH_IT
from training.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

MANY = WORTH_IT + 6


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own."""
    monkeypatch.setenv("RETRAIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The manifests that are read."""
    found: list[str] = []
    real = ArtifactStore.open

    def read(self: ArtifactStore, path: str) -> object:
        found.append(path)
        return real(self, path)

    monkeypatch.setattr(ArtifactStore, "open", read)
    return found


def fill(store: ArtifactStore, count: int = MANY) -> list[ArtifactRef]:
    return [store.put("reports", "r", {}, tags={"n": str(n % 2)}) for n in range(count)]


def test_a_long_list_is_read_once(store: ArtifactStore, reads: list[str], cache: Path) -> None:
    """Then only what is new; another store object and another process find it too."""
    store = ArtifactStore(store.url)
    refs = fill(store)
    assert store.list("reports") == refs
    assert len(reads) == MANY
    assert ArtifactStore(store.url).list("reports", "r", {"n": "1"}) == refs[1::2]
    assert len(reads) == MANY
    more = store.put("reports", "r", {})
    assert store.list("reports") == [*refs, more]
    assert reads[MANY:] == [more.path]
    assert len(list(cache.glob("index-*.sqlite"))) == 1


def test_a_short_list_needs_no_index(disk: ArtifactStore, reads: list[str], cache: Path) -> None:
    """And leaves nothing in the cache folder."""
    refs = fill(disk, 3)
    assert disk.list() == disk.list() == refs
    assert len(reads) == 6
    assert not cache.exists()


def test_what_is_deleted_or_replaced_is_never_told_from_memory(
    disk: ArtifactStore, reads: list[str]
) -> None:
    """The store says what is there; another commit at a known path is read again."""
    refs = fill(disk)
    assert disk.list() == refs
    disk.delete("reports", "r", 1)
    assert disk.list() == refs[1:]
    shutil.rmtree(disk.url)
    other = ArtifactStore(disk.url)
    again = fill(other)
    assert [ref.path for ref in again] == [ref.path for ref in refs]
    assert other.list() == again
    assert len(reads) == 2 * MANY


@pytest.mark.parametrize("damage", ["not a database", "no place", "no home", "other rows"])
def test_an_index_that_is_damaged_is_made_again(
    damage: str, disk: ArtifactStore, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or done without."""
    refs = fill(disk)
    if damage == "no home":
        monkeypatch.delenv("RETRAIN_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(Path, "home", _no_home)
    elif damage == "no place":
        cache.write_text("a file")
    else:
        disk.list()
        content = b"x" * 5000 if damage == "not a database" else _with_broken_rows(disk)
        disk.index.path.write_bytes(content)
    for _ in range(2):
        assert disk.list() == refs


def _no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


def _with_broken_rows(store: ArtifactStore) -> bytes:
    import sqlite3

    database = sqlite3.connect(store.index.path)
    database.execute("UPDATE said1 SET summary = '{broken'")
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return store.index.path.read_bytes()


def test_versions_are_cleaned_by_count_and_age(store: ArtifactStore) -> None:
    """The newest of each stay; nothing goes that is younger, or has not the tags."""
    refs = [store.put("reports", "r", {"f": b"x"}, tags={"n": str(n)}) for n in range(4)]
    other = store.put("reports", "other", {})
    assert store.clean("reports", keep=2, dry_run=True) == refs[:2]
    assert store.versions("reports", "r") == [1, 2, 3, 4]
    assert store.clean("reports", keep=2, older_than=3600) == []
    assert store.clean("datasets") == []
    assert store.clean("reports", "r", {"n": "1"}) == [refs[1]]
    assert store.clean("reports", keep=2) == [refs[0]]
    assert store.list() == [other, *refs[2:]] or store.list() == [*refs[2:], other]
    with pytest.raises(InputError, match="keep = 0"):
        store.clean(keep=0)
    assert store.verify().problems == []


@pytest.mark.parametrize("where", ["document", "metadata", "uri"])
def test_what_something_refers_to_is_not_cleaned(where: str, disk: ArtifactStore) -> None:
    """A lineage that names a data set by its path keeps it; its own manifest does not."""
    refs = [disk.put("datasets", "d", {"f": b"x"}) for _ in range(3)]
    if where == "document":
        disk.create("runs/r/run.json", {"data": {"path": refs[0].path}})
    elif where == "metadata":
        disk.commit("models/m/versions/1", {"f": b"x"}, {"data": [refs[0].path]})
    else:
        disk.create("note", {"data": disk.open(refs[0].path).uri})
    assert paths(disk.clean("datasets")) == [refs[1].path]


def test_bytes_of_a_file_refer_to_nothing(disk: ArtifactStore) -> None:
    """Only documents and manifests do: weights are not read for this."""
    refs = [disk.put("datasets", "d", {}) for _ in range(2)]
    disk.commit("c", {"f": refs[0].path.encode()})
    assert paths(disk.clean("datasets")) == [refs[0].path]


def paths(refs: Iterable[ArtifactRef]) -> list[str]:
    return [ref.path for ref in refs]
