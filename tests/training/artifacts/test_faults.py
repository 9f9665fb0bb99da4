"""A disk that is full or failing, at any operation on the file system."""

from __future__ import annotations

import errno
import os
import shutil
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from training.artifacts import ArtifactStore
from training.errors import InputError, StorageError

if TYPE_CHECKING:
    from tests.training.artifacts.conftest import Check, Operation, Real, Seam

CODES = [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EMFILE, errno.EACCES, errno.EROFS]
UNHARMED = {"status", "names", "kind", "read"}


class Fault:
    """Fails the operation of a number, or all from that one on."""

    def __init__(self, seam: Seam, at: int, code: int, *, lasting: bool) -> None:
        self.name = ""
        self.after: list[str] = []
        self._left = at
        self._code = code
        self._lasting = lasting
        seam.hook = self._fail

    def _fail(self, name: str, real: Real, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - any operation
        self._left -= 1
        if self._left < 0:
            self.after.append(name)
        if self._left == 0:
            self.name = name
        if self._left == 0 or (self._lasting and self._left < 0):
            if name == "close":
                real(*arguments)  # the system closes a file even when it says that this failed
            raise OSError(self._code, os.strerror(self._code))
        return real(*arguments)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_no_fault_is_silent_or_harms_anything(
    lasting: bool, operation: Operation, seam: Seam, template: Path, check: Check
) -> None:
    """An error is raised and nothing is changed, or the operation is done; a second try succeeds.

    When the disk fails once, the stage is cleaned up at once, and no file is left open.
    """
    folder = template.parent / "store"
    raised = set()
    for at, code in enumerate(cycle(CODES), 1):
        shutil.copytree(template, folder)
        store = ArtifactStore(folder)
        before = open_files()
        fault = Fault(seam, at, code, lasting=lasting)
        told = None
        try:
            operation.act(store)
        except StorageError as error:
            told = str(error)
            raised.add(fault.name)
        failed = told is not None
        assert told is None or errno.errorcode[code] in told
        seam.hook = lambda _name, real, arguments: real(*arguments)
        assert open_files() == before
        if not lasting:
            assert not list((folder / ".stage").glob("*")) or not failed
        if failed and fault.name == "sync":
            assert "sync" not in fault.after, "a sync that failed must not be tried again"
        if not failed:
            assert operation.look(store) == "new"
        check(store, operation)
        shutil.rmtree(folder)
        if not fault.name:
            break
    changes = set(seam.calls) & {"make_directory", "create_file", "write", "sync", "publish"}
    assert changes & raised, "no fault was told"


@pytest.mark.parametrize(
    "place", ["make_directory", "create_file", "write", "sync", "close", "publish"]
)
def test_a_commit_that_fails_leaves_no_trace(place: str, seam: Seam, disk: ArtifactStore) -> None:
    """Not even when the directory that it stands in cannot be made durable: it is taken back."""
    disk.commit("runs/r/0", {"f": b"old"})
    root = Path(disk.url)
    before = sorted(root.rglob("*"))
    for number in range(1, 10):
        fault = FaultAt(seam, place, number)
        if place == "close" and number > 3:
            break  # those of directories, after the commit
        try:
            disk.commit("runs/r/1", {"f": b"new", "d/g": b"new"})
        except StorageError:
            seam.hook = lambda _name, real, arguments: real(*arguments)
            assert sorted(root.rglob("*")) == before
            assert disk.children("runs/r") == ["0"]
            continue
        assert fault.left > 0
        break
    seam.hook = lambda _name, real, arguments: real(*arguments)
    assert number > 1


class FaultAt:
    """Fails the n-th operation of a name; closing counts for files that were written."""

    def __init__(self, seam: Seam, name: str, number: int) -> None:
        self.left = number
        self._name = name
        self._written: set[int] = set()
        seam.hook = self._fail

    def _fail(self, name: str, real: Real, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - any operation
        counts = name == self._name and (name != "close" or arguments[0] in self._written)
        self.left -= counts
        if name == "write":
            self._written.add(arguments[0])
        if name == "close":
            self._written.discard(arguments[0])
        if counts and self.left == 0:
            if name == "close":
                real(*arguments)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*arguments)


def test_a_full_disk_is_told_in_words(seam: Seam, disk: ArtifactStore) -> None:
    """What failed, where, why, and what to do."""

    def full(name: str, real: Real, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - any operation
        if name == "write":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    seam.hook = full
    with pytest.raises(StorageError) as told:
        disk.create("runs/r/run.json", {})
    assert "cannot write runs/r/run.json" in str(told.value)
    assert disk.url in str(told.value)
    assert "No space left on device (ENOSPC)" in str(told.value)
    assert "run it again" in str(told.value)


def test_a_store_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    """A file stands where the folder should, or where one above it should."""
    (tmp_path / "store").write_text("mine")
    with pytest.raises(InputError, match="store is a file; expected a folder"):
        ArtifactStore(tmp_path / "store")
    with pytest.raises(StorageError, match="ENOTDIR"):
        ArtifactStore(tmp_path / "store/below").create("d", {})
    assert (tmp_path / "store").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="macOS has no /proc")
def test_a_store_where_nothing_can_be_made_says_so() -> None:
    with pytest.raises(StorageError, match="cannot write d in /proc/nope/store"):
        ArtifactStore("/proc/nope/store").create("d", {})
