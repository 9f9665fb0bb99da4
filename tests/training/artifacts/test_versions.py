"""Numbered artifacts."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import pytest

from training.artifacts import ArtifactRef, ArtifactStore
from training.artifacts.versions import KINDS
from training.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def put_many(url: str, writer: int, times: int) -> None:
    """What one of several processes does."""
    store = ArtifactStore(url)
    for turn in range(times):
        store.put("models", "m", {"f": b"x"}, {"writer": writer, "turn": turn})


def create_many(url: str, writer: int, times: int) -> None:
    """What one of several processes does; the exit code of a winner counts."""
    from training.errors import ExistsError

    store = ArtifactStore(url)
    for turn in range(times):
        try:
            store.create(f"claims/{turn}", {"writer": writer})
        except ExistsError:
            continue
        store.create(f"won/{turn}.{writer}", {})


def test_versions_count_from_one(store: ArtifactStore) -> None:
    """Each name of each kind by itself; the newest is found without a number."""
    made = [store.put("models", "m", {"f": bytes([n])}, {"n": n}) for n in range(3)]
    assert [ref.version for ref in made] == [1, 2, 3]
    assert store.put("models", "other", {}).version == 1
    assert store.put("datasets", "m", {}).version == 1
    assert store.versions("models", "m") == [1, 2, 3]
    assert store.get("models", "m").metadata == {"n": 2}
    assert store.get("models", "m", 1).metadata == {"n": 0}
    assert store.read(made[1].path, "f") == b"\x01"
    assert store.versions("models", "nobody") == []


def test_artifacts_are_found_by_kind_name_and_tags(store: ArtifactStore) -> None:
    """All tags that are asked for must be there."""
    first = store.put("models", "m", {}, tags={"stage": "test", "by": "me"})
    second = store.put("models", "m", {}, tags={"stage": "live"})
    third = store.put("reports", "r", {})
    assert isinstance(first, ArtifactRef)
    assert store.list() == [first, second, third]
    assert store.list("models") == [first, second]
    assert store.list(name="r") == [third]
    assert store.list("models", "m", tags={"stage": "live"}) == [second]
    assert store.list("models", tags={"stage": "test", "by": "you"}) == []
    assert store.get("models", "m").tags == {"stage": "live"}


def test_a_damaged_version_does_not_hide_the_others(
    disk: ArtifactStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out of the list, which says so."""
    damaged, whole = disk.put("models", "m", {}), disk.put("models", "m", {})
    (tmp_path / "store" / damaged.path / "manifest.json").write_bytes(b"{}")
    assert disk.list() == [whole]
    assert damaged.path in caplog.text


def test_a_number_is_never_given_again(store: ArtifactStore) -> None:
    """A lineage that names version 2 means the one that was deleted."""
    for _ in range(2):
        store.put("models", "m", {"f": b"x"})
    store.delete("models", "m", 2)
    assert store.versions("models", "m") == [1]
    assert store.put("models", "m", {}).version == 3
    with pytest.raises(NotFoundError, match="no version 2; it has 1, 3"):
        store.get("models", "m", 2)
    with pytest.raises(NotFoundError):
        store.delete("models", "m", 2)
    store.delete("models", "m", 3)
    store.delete("models", "m", 1)
    assert store.list() == []
    assert store.put("models", "m", {}).version == 4
    assert store.verify().problems == []


def test_a_deletion_that_died_is_completed(store: ArtifactStore) -> None:
    """The note was made, the version is still there: it counts as deleted."""
    ref = store.put("models", "m", {})
    store.create("artifacts/models/m/deleted/00000001.json", {"deleted": ref.path})
    assert store.versions("models", "m") == []
    store.delete("models", "m", 1)
    assert not store.exists(ref.path)
    assert store.put("models", "m", {}).version == 2


def test_an_unknown_kind_is_refused(store: ArtifactStore) -> None:
    """With the nearest that there is."""
    with pytest.raises(InputError, match="did you mean 'models'"):
        store.put("model", "m", {})
    assert "configurations" in KINDS


def test_no_version_is_lost_or_given_twice(quick_path: Path) -> None:
    """Eight processes register twenty-five times each, all under one name."""
    run_together(put_many, quick_path)
    store = ArtifactStore(quick_path / "store")
    assert store.versions("models", "m") == list(range(1, 201))
    found = {
        (commit.metadata["writer"], commit.metadata["turn"])
        for commit in (store.get("models", "m", number) for number in range(1, 201))
    }
    assert len(found) == 200
    assert store.verify().problems == []
    assert store.sweep() == []


def test_an_exclusive_create_has_one_winner(quick_path: Path) -> None:
    """Eight processes race for twenty-five documents."""
    run_together(create_many, quick_path)
    store = ArtifactStore(quick_path / "store")
    winners = [name.split(".") for name in store.children("won")]
    assert sorted(int(turn) for turn, _ in winners) == list(range(25))
    for turn, writer in winners:
        assert store.document(f"claims/{turn}") == {"writer": int(writer)}


def run_together(target: Callable[[str, int, int], None], folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=target, args=(str(folder / "store"), writer, 25))
        for writer in range(8)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
