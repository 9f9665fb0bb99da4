"""Pointers: compare-and-set, history and way back in one log."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from training.artifacts import ANYTHING, ArtifactStore, Pointer
from training.errors import ConflictError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable


def count_up(url: str, times: int) -> None:
    """What one of several writers does: replace each value by the next, whoever made it."""
    pointer = Pointer(ArtifactStore(url), "counters/one")
    done = 0
    while done < times:
        now = pointer.value
        try:
            pointer.move(str(int(now or 0) + 1), expect=now)
        except ConflictError:
            continue
        done += 1


def test_a_pointer_moves_from_what_is_expected(store: ArtifactStore) -> None:
    """And tells its history, the newest first."""
    pointer = Pointer(store, "models/m/aliases/champion")
    assert pointer.value is None
    assert list(pointer.history()) == []
    pointer.move("1", expect=None, why="the first")
    pointer.move("2", expect="1", why="better")
    pointer.move(None, expect="2", why="withdrawn")
    pointer.move("1", expect=None, why="back")
    other = Pointer(ArtifactStore(store.url), "models/m/aliases/champion")
    assert other.value == "1"
    assert [(move.number, move.to, move.why) for move in other.history()] == [
        (4, "1", "back"),
        (3, None, "withdrawn"),
        (2, "2", "better"),
        (1, "1", "the first"),
    ]
    assert store.verify().problems == []


@pytest.mark.parametrize("expected", [None, "2", "3"])
def test_a_move_from_something_else_is_refused(expected: str | None, store: ArtifactStore) -> None:
    """With what it points to, and nothing is changed."""
    pointer = Pointer(store, "p")
    pointer.move("1", expect=None)
    with pytest.raises(ConflictError, match=f"points to 1, not to {expected or 'nothing'}"):
        pointer.move("9", expect=expected)
    assert pointer.value == "1"
    pointer.move("9", expect=ANYTHING)
    assert pointer.value == "9"


def test_of_two_moves_at_once_one_is_told(
    disk: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other came between its look and its write."""
    pointer = Pointer(disk, "p")
    pointer.move("1", expect=None)
    real = disk.create

    def late(path: str, body: dict[str, str]) -> None:
        monkeypatch.undo()
        Pointer(disk, "p").move("theirs", expect="1")
        real(path, body)

    monkeypatch.setattr(disk, "create", late)
    with pytest.raises(ConflictError, match="points to theirs"):
        pointer.move("ours", expect="1")
    assert pointer.value == "theirs"


def test_an_older_value_is_never_taken_for_a_damaged_one(disk: ArtifactStore) -> None:
    """Reading fails, and so does a move that expects something; one that does not, mends it."""
    pointer = Pointer(disk, "p")
    for value in "12":
        pointer.move(value, expect=ANYTHING)
    (Path(disk.url) / "p/00000002.json").write_bytes(b"{}")
    with pytest.raises(IntegrityError, match=r"p/00000002\.json"):
        _ = pointer.value
    with pytest.raises(IntegrityError):
        pointer.move("3", expect="1")
    pointer.move("3", expect=ANYTHING)
    assert pointer.value == "3"


def test_a_file_of_another_name_is_no_move(disk: ArtifactStore) -> None:
    """Whatever else lies in the folder does not count."""
    pointer = Pointer(disk, "p")
    pointer.move("1", expect=None)
    disk.create("p/zzz", {"to": "9"})
    assert pointer.value == "1"
    assert len(list(pointer.history())) == 1


def test_no_move_is_lost_on_s3(bucket_url: str) -> None:
    """Eight writers count together: each number is there once."""
    url = f"{bucket_url}/{uuid4().hex}"
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda _: count_up(url, 3), range(8)))
    check_counted(url, 24)


@pytest.mark.parametrize("times", [25, pytest.param(1000, marks=pytest.mark.long)])
def test_no_move_is_lost_between_processes(times: int, quick_path: Path) -> None:
    """Eight processes count together: each number is there once."""
    url = str(quick_path / "store")
    run_together(count_up, url, times)
    check_counted(url, 8 * times)


def check_counted(url: str, total: int) -> None:
    moves = list(Pointer(ArtifactStore(url), "counters/one").history())
    assert [move.to for move in moves] == [str(n) for n in range(total, 0, -1)]


def run_together(target: Callable[[str, int], None], url: str, times: int) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=target, args=(url, times)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
        assert process.exitcode == 0
