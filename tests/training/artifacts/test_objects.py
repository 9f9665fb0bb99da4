"""What is particular to objects; all else is in `test_store.py`, for both."""

from __future__ import annotations

import errno
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.training.artifacts.conftest import HAS_AZURE, NEEDS_AZURITE
from training.artifacts import ArtifactStore
from training.errors import ExistsError, IntegrityError, NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def bucket() -> ArtifactStore:
    """An empty store on objects."""
    return ArtifactStore(f"memory://{uuid4().hex}/deep/store")


def keys(store: ArtifactStore) -> list[str]:
    backend: Any = store._backend
    start = len(backend._key("x")) - 1
    return sorted(key[start:] for key in MemoryFileSystem.store if key.startswith(backend._root))


@pytest.fixture
def puts(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], None]], list[str]]:
    """Record every key that is written, and disturb some."""

    def record(disturb: Callable[[str], None]) -> list[str]:
        recorded: list[str] = []

        def recorder(name: str, real: Any) -> Any:  # noqa: ANN401 - any call
            def call(self: Any, path: str, *more: Any, **options: Any) -> Any:  # noqa: ANN401 - a file system
                if name != "open" or "wb" in more:
                    recorded.append(f"{name} {path}")
                    disturb(recorded[-1])
                return real(self, path, *more, **options)

            return call

        for name in ("pipe_file", "rm_file", "open"):
            real = getattr(MemoryFileSystem, name)

            monkeypatch.setattr(MemoryFileSystem, name, recorder(name, real))
        return recorded

    return record


def test_the_manifest_is_put_last(
    bucket: ArtifactStore, puts: Callable[[Callable[[str], None]], list[str]]
) -> None:
    """Marker, data, marker away, manifest: nobody sees data without it, no sweep takes them."""
    recorded = puts(lambda _call: None)
    bucket.commit("c", {"f": b"x", "g": b"y"})
    writes = [call for call in recorded if not call.startswith("open") or "/.data/" in call]
    steps = [(call.split()[0], call.split("/store/")[1].split("/")[0]) for call in writes]
    distinct = [step for n, step in enumerate(steps) if step not in steps[:n]]
    assert distinct == [
        ("pipe_file", ".stage"),
        ("open", ".data"),
        ("rm_file", ".stage"),
        ("pipe_file", "c"),
    ]


@pytest.mark.parametrize("at", ["pipe_file .stage", "open .data", "rm_file .stage", "pipe_file c"])
def test_a_put_that_fails_leaves_nothing_to_see(
    at: str, bucket: ArtifactStore, puts: Callable[[Callable[[str], None]], list[str]]
) -> None:
    """An error is raised, what was there is there, and the same commit then succeeds."""
    bucket.commit("old", {"f": b"old"})
    name, place = at.split()
    failed: list[str] = []

    def fail_once(call: str) -> None:
        if not failed and call.startswith(name) and f"/store/{place}" in call:
            failed.append(call)
            raise TimeoutError("no answer")

    puts(fail_once)
    with pytest.raises(StorageError, match="no answer"):
        bucket.commit("c", {"f": b"new"})
    assert failed
    assert not bucket.exists("c")
    assert bucket.read("old", "f") == b"old"
    bucket.commit("c", {"f": b"new"})
    assert bucket.read("c", "f") == b"new"
    assert bucket.verify().problems == []


def test_a_put_that_was_done_although_it_failed_keeps_its_data(
    bucket: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was lost: the commit may be there, so its files must stay."""
    real = MemoryFileSystem.pipe_file

    def lose_answer(self: Any, path: str, value: bytes, **options: Any) -> None:  # noqa: ANN401 - a file system
        real(self, path, value, **options)
        if path.endswith("manifest.json"):
            raise TimeoutError("no answer")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", lose_answer)
    with pytest.raises(StorageError, match="no answer"):
        bucket.commit("c", {"f": b"x"})
    assert bucket.read("c", "f") == b"x"


def test_a_put_that_the_library_repeats_is_one_commit(
    bucket: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try was done, the second is told that the key is taken: by ourselves."""
    real = MemoryFileSystem.pipe_file

    def twice(self: Any, path: str, value: bytes, **options: Any) -> None:  # noqa: ANN401 - a file system
        real(self, path, value, **options)
        if path.endswith("manifest.json"):
            real(self, path, value, **options)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", twice)
    bucket.commit("c", {"f": b"x"})
    assert bucket.read("c", "f") == b"x"


def test_of_two_commits_at_one_path_the_loser_leaves_nothing(bucket: ArtifactStore) -> None:
    """Its data are deleted, the winner's are not."""
    with bucket._backend.stage() as stage:
        bucket.commit("c", {"f": b"winner"})
        before = keys(bucket)
        stage.add("f", b"loser")
        with pytest.raises(ExistsError):
            stage.publish("c", b"manifest of the loser")
    assert len(keys(bucket)) == len(before) - 1  # the marker
    assert bucket.read("c", "f") == b"winner"


def test_a_commit_whose_path_is_taken_goes_to_the_next_one(bucket: ArtifactStore) -> None:
    """Its files are put once; only the manifest is put again."""
    with bucket._backend.stage() as stage:
        bucket.commit("c", {"f": b"winner"})
        stage.add("f", b"second")
        with pytest.raises(ExistsError):
            stage.publish("c", b"manifest of the second")
        stage.publish("d", b"manifest of the second")
    assert [key for key in keys(bucket) if key.startswith("d/")] == ["d/manifest.json"]
    assert len(keys(bucket)) == 4


def test_a_conflict_is_tried_again(bucket: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 answers 409 when two exclusive puts meet: neither is known to have won."""
    real, left = MemoryFileSystem.pipe_file, 2

    def conflict(self: Any, path: str, value: bytes, **options: Any) -> None:  # noqa: ANN401 - a file system
        nonlocal left
        if options.get("mode") == "create" and left:
            left -= 1
            raise OSError(errno.EBUSY, "A conflicting conditional operation is in progress")
        real(self, path, value, **options)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", conflict)
    bucket.create("d", {"n": 1})
    assert bucket.document("d") == {"n": 1}
    left = 99
    with pytest.raises(StorageError, match="conflicting"):
        bucket.create("e", {})


def test_a_document_whose_put_is_repeated_is_created_once(
    bucket: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's second try is told that the key is taken; another writer's equal one loses."""
    real = MemoryFileSystem.pipe_file

    def twice(self: Any, path: str, value: bytes, **options: Any) -> None:  # noqa: ANN401 - a file system
        real(self, path, value, **options)
        real(self, path, value, **options)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", twice)
    bucket.create("d", {"n": 1})
    with pytest.raises(ExistsError):
        bucket.create("d", {"n": 1})


def test_what_is_removed_takes_its_data_along(bucket: ArtifactStore) -> None:
    """The manifest goes first; of a damaged one, the data are kept for a person to look at."""
    bucket.commit("a/1", {"f": b"x"})
    bucket.commit("a/2", {"f": b"y"})
    bucket.remove("a")
    assert keys(bucket) == []
    bucket.commit("a/1", {"f": b"x"})
    bucket._backend.replace("a/1/manifest.json", b"{}", durable=True)
    bucket.remove("a")
    (left,) = keys(bucket)
    assert left.startswith(".data/")


def test_a_dead_attempt_is_swept_after_a_day(
    bucket: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that was swept although it lived is told so, and commits nothing."""
    backend: Any = bucket._backend
    bucket.commit("c", {"f": b"kept"})
    with backend.stage() as stage:
        stage.add("f", b"x")
        assert bucket.sweep() == []
        tomorrow = datetime.now(UTC) + timedelta(days=1, minutes=1)
        monkeypatch.setattr(
            "training.artifacts.objects.datetime", type("Later", (), {"now": lambda _: tomorrow})
        )
        assert bucket.sweep() == [stage.marker]
        with pytest.raises(StorageError, match="given up"):
            stage.publish("d", b"x")
    assert not bucket.exists("d")
    assert bucket.read("c", "f") == b"kept"
    assert len(keys(bucket)) == 2


def test_files_of_an_attempt_that_died_before_its_manifest_are_orphans(
    bucket: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its marker is gone already; after a day nobody can be about to put the manifest."""
    backend: Any = bucket._backend
    bucket.commit("c", {"f": b"kept"})
    bucket.commit("d", {"f": b"aside"})
    bucket.quarantine("d")
    backend.replace(".data/dead/f", b"x", durable=True)
    assert bucket.orphans() == []
    tomorrow = datetime.now(UTC) + timedelta(days=1, minutes=1)
    monkeypatch.setattr(
        "training.artifacts.objects.datetime", type("Later", (), {"now": lambda _: tomorrow})
    )
    assert bucket.orphans() == [".data/dead/f"]
    damaged = backend.get("c/manifest.json")
    backend.replace("c/manifest.json", b"{}", durable=True)
    assert bucket.orphans() == [], "whose files are whose, only manifests tell"
    backend.replace("c/manifest.json", damaged, durable=True)
    bucket.remove_orphans()
    assert bucket.read("c", "f") == b"kept"
    assert len([key for key in keys(bucket) if key.startswith(".data/")]) == 2
    bucket.remove_set_aside()
    assert [key for key in keys(bucket) if "c" not in key.split("/")[0]] == [
        key for key in keys(bucket) if key.startswith(".data/")
    ]
    assert len(keys(bucket)) == 2


def test_changed_and_missing_objects_are_found(bucket: ArtifactStore) -> None:
    """They are named, and never loaded."""
    backend: Any = bucket._backend
    commit = bucket.commit("c", {"f": b"hello"})
    (place,) = (key for key in keys(bucket) if key.startswith(".data/"))
    assert commit.files["f"].size == 5
    for damage in (b"hellO", b"hell", b"", None):
        if damage is None:
            backend.delete([place])
        else:
            backend.replace(place, damage, durable=True)
        assert [problem.path for problem in bucket.verify().problems] == [place]
        with pytest.raises(IntegrityError, match=place):
            bucket.read("c", "f")


def test_threads_have_one_winner() -> None:
    """In memory, create looks first and writes then; one does it at a time."""
    store = ArtifactStore(f"memory://{uuid4().hex}")
    won: list[tuple[int, int]] = []

    def work(writer: int) -> None:
        for turn in range(50):
            try:
                store.create(f"claims/{turn}", {"writer": writer})
            except ExistsError:
                continue
            won.append((turn, writer))

    threads = [threading.Thread(target=work, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turn for turn, _ in won) == list(range(50))
    for turn, writer in won:
        assert store.document(f"claims/{turn}") == {"writer": writer}


def test_a_store_can_be_a_whole_bucket() -> None:
    """Without a folder in the URL, or with a slash at its end."""
    name = uuid4().hex
    ArtifactStore(f"memory://{name}/").commit("a/c", {"f": b"x"})
    store = ArtifactStore(f"memory://{name}")
    assert store.url == f"memory://{name}"
    assert store.open("a/c").uri == f"memory://{name}/a/c"
    assert store.children() == ["a"]
    root = ArtifactStore("memory://")
    root.commit(f"c-{name}", {"f": b"y"})
    assert root.open(f"c-{name}").uri == f"memory:///c-{name}"
    assert root.read(f"c-{name}", "f") == b"y"
    assert f"c-{name}" in root.children()
    root.remove(f"c-{name}")
    with pytest.raises(NotFoundError):
        root.open(f"c-{name}")


@pytest.mark.skipif(not HAS_AZURE, reason=NEEDS_AZURITE)
def test_one_of_many_wins_on_azure(container_url: str) -> None:
    """Where the emulator is installed, the whole suite runs on it too."""
    store, won = ArtifactStore(f"{container_url}/race"), []

    def create(number: int) -> None:
        with suppress(ExistsError):
            store.create("runs/r/note", {"number": number})
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.document("runs/r/note")["number"]] == won
