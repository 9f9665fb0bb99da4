"""Numbered artifacts."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

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


@pytest.fixture
def disk_url(quick_path: Path) -> str:
    """Where several processes meet."""
    return str(quick_path / "store")


@pytest.fixture
def s3_url(bucket_url: str) -> str:
    """Another such place."""
    return f"{bucket_url}/{uuid4().hex}/store"


@pytest.mark.parametrize(
    ("place", "turns"),
    [
        ("disk_url", 25),
        pytest.param("disk_url", 125, marks=pytest.mark.long),
        pytest.param("s3_url", 25, marks=pytest.mark.long),
    ],
)
def test_no_version_is_lost_or_given_twice(
    place: str, turns: int, request: pytest.FixtureRequest
) -> None:
    """Eight processes register many times each, all under one name."""
    store = ArtifactStore(request.getfixturevalue(place))
    run_together(put_many, store.url, turns)
    numbers = list(range(1, 8 * turns + 1))
    assert store.versions("models", "m") == numbers
    found = {
        (commit.metadata["writer"], commit.metadata["turn"])
        for commit in (store.get("models", "m", number) for number in numbers)
    }
    assert len(found) == 8 * turns
    assert store.verify().problems == []
    assert store.sweep() == []


def test_threads_on_s3_lose_nothing(s3_url: str) -> None:
    """The same race, in one process: eight more would take longest to start."""
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda writer: put_many(s3_url, writer, 4), range(8)))
    store = ArtifactStore(s3_url)
    assert store.versions("models", "m") == list(range(1, 33))
    found = [store.get("models", "m", number).metadata for number in range(1, 33)]
    made = {(commit["writer"], commit["turn"]) for commit in found}
    assert made == {(writer, turn) for writer in range(8) for turn in range(4)}
    assert store.verify().problems == []


@pytest.mark.parametrize("place", ["disk_url", pytest.param("s3_url", marks=pytest.mark.long)])
def test_an_exclusive_create_has_one_winner(place: str, request: pytest.FixtureRequest) -> None:
    """Eight processes race for twenty-five documents."""
    store = ArtifactStore(request.getfixturevalue(place))
    run_together(create_many, store.url, 25)
    winners = [name.split(".") for name in store.children("won")]
    assert sorted(int(turn) for turn, _ in winners) == list(range(25))
    for turn, writer in winners:
        assert store.document(f"claims/{turn}") == {"writer": int(writer)}


def run_together(target: Callable[[str, int, int], None], url: str, turns: int) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=target, args=(url, writer, turns)) for writer in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        assert process.exitcode == 0
