"""The order of operations that durability rests on, each of them and no other."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest

from training.artifacts import fs
from training.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.training.artifacts.conftest import Real, Seam
    from training.artifacts import ArtifactStore

CHANGES = {
    "make_root",
    "make_directory",
    "create_file",
    "create_unnamed",
    "give_name",
    "reserve",
    "write",
    "sync",
    "close",
    "publish",
    "replace",
    "unlink",
    "remove_directory",
}


class Record:
    """What is done to which name; directories that are only looked through are left out."""

    def __init__(self, seam: Seam, root: Path) -> None:
        self.steps: list[str] = []
        self._root = str(root)
        self._files: dict[int, str] = {}
        self._written: set[int] = set()
        seam.hook = self._note

    def _note(self, name: str, real: Real, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - any operation
        if name in CHANGES and not (name == "close" and arguments[0] not in self._written):
            self.steps.append(f"{name} {self._described(arguments)}")
        if name == "close":
            self._files.pop(arguments[0], None)
            self._written.discard(arguments[0])
        result = real(*arguments)
        if name.startswith(("open_", "create_")):
            path = self._described(arguments)
            self._files[result] = f"{path}/*" if name == "create_unnamed" else path
        if name in {"create_file", "create_unnamed"}:
            self._written.add(result)
        return result

    def _described(self, arguments: tuple[Any, ...]) -> str:
        """The path of a name in a directory, or of an open file, with unique names made plain."""
        if len(arguments) == 3 and isinstance(arguments[0], int):
            return f"{self._files[arguments[0]]} > {self._described(arguments[1:])}"
        if isinstance(arguments[0], int):
            return self._files[arguments[0]]
        inside = self._files[arguments[1]] if len(arguments) > 1 else ""
        name = arguments[0].replace(self._root, "ROOT")
        path = f"{inside}/{name}".removeprefix("/")
        parts = path.split("/")
        if parts[:-1] and parts[1] in {".stage", ".trash"} and len(parts) > 2:
            parts[2] = "*"
        path = "/".join(parts)
        if len(arguments) >= 4 and isinstance(arguments[2], str):
            moved = self._described((arguments[2], arguments[3]))
            return f"{path} > {moved}"
        return path


@pytest.fixture
def record(seam: Seam, disk: ArtifactStore, tmp_path: Path) -> Record:
    """The operations on a store that has something in it already."""
    disk.commit("runs/r/0", {"f": b"x"})
    disk.create("runs/r/old", {})
    return Record(seam, tmp_path / "store")


def test_a_commit(disk: ArtifactStore, record: Record) -> None:
    """Files, manifest, directories of the stage, rename, parent: each synced before the next."""
    disk.commit("runs/r/1", {"a": b"x", "d/b": b"y"})
    assert record.steps == [
        "make_directory ROOT/.stage",
        "make_directory ROOT/.stage/*",
        "make_directory ROOT/.stage/*/commit",
        "create_file ROOT/.stage/*/commit/a",
        "write ROOT/.stage/*/commit/a",
        "sync ROOT/.stage/*/commit/a",
        "close ROOT/.stage/*/commit/a",
        "make_directory ROOT/.stage/*/commit/d",
        "create_file ROOT/.stage/*/commit/d/b",
        "write ROOT/.stage/*/commit/d/b",
        "sync ROOT/.stage/*/commit/d/b",
        "close ROOT/.stage/*/commit/d/b",
        "make_directory ROOT/runs",
        "make_directory ROOT/runs/r",
        "create_file ROOT/.stage/*/commit/manifest.json",
        "write ROOT/.stage/*/commit/manifest.json",
        "sync ROOT/.stage/*/commit/manifest.json",
        "close ROOT/.stage/*/commit/manifest.json",
        "sync ROOT/.stage/*/commit/d",
        "sync ROOT/.stage/*/commit",
        "publish ROOT/.stage/*/commit > ROOT/runs/r/1",
        "sync ROOT/runs/r",
        "remove_directory ROOT/.stage/*",
    ]


def test_an_exclusive_document(disk: ArtifactStore, record: Record) -> None:
    """File, exclusive name, parent: nothing more, and nothing that a dead process could leave."""
    disk.create("runs/r/new", {})
    assert record.steps[2:] == [
        "create_unnamed ROOT/runs/r",
        "write ROOT/runs/r/*",
        "sync ROOT/runs/r/*",
        "give_name ROOT/runs/r/* > ROOT/runs/r/new",
        "close ROOT/runs/r/*",
        "sync ROOT/runs/r",
    ]


def test_an_exclusive_document_where_every_file_has_a_name(
    disk: ArtifactStore, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, exclusive rename, parent."""
    monkeypatch.setattr(fs, "_has_unnamed", False)
    disk.create("runs/r/new", {})
    assert record.steps[5:] == [
        "create_file ROOT/.stage/*/document",
        "write ROOT/.stage/*/document",
        "sync ROOT/.stage/*/document",
        "close ROOT/.stage/*/document",
        "publish ROOT/.stage/*/document > ROOT/runs/r/new",
        "sync ROOT/runs/r",
        "remove_directory ROOT/.stage/*",
    ]


def test_a_replaced_document(disk: ArtifactStore, record: Record) -> None:
    """File, rename, parent; and without any sync where nothing depends on it."""
    disk.replace("runs/r/old", {})
    steps = record.steps[4:]
    assert steps == [
        "create_file ROOT/.stage/*/document",
        "write ROOT/.stage/*/document",
        "sync ROOT/.stage/*/document",
        "close ROOT/.stage/*/document",
        "replace ROOT/.stage/*/document > ROOT/runs/r/old",
        "sync ROOT/runs/r",
        "remove_directory ROOT/.stage/*",
    ]
    record.steps.clear()
    disk.replace("runs/r/old", {}, durable=False)
    assert record.steps[4:] == [step for step in steps if not step.startswith("sync")]


def test_a_removal(disk: ArtifactStore, record: Record) -> None:
    """Out of sight first, durably, and only then to pieces."""
    disk.remove("runs/r/0")
    assert record.steps == [
        "make_directory ROOT/.trash",
        "publish ROOT/runs/r/0 > ROOT/.trash/*",
        "sync ROOT/runs/r",
        "unlink ROOT/.trash/*/f",
        "unlink ROOT/.trash/*/manifest.json",
        "remove_directory ROOT/.trash/*",
    ]


def test_a_quarantine(disk: ArtifactStore, record: Record) -> None:
    """Durable in its new place before it may be forgotten in its old one."""
    disk.quarantine("runs/r/0")
    assert record.steps[-3:] == [
        "publish ROOT/runs/r/0 > ROOT/.quarantine/runs/r/0.1",
        "sync ROOT/.quarantine/runs/r",
        "sync ROOT/runs/r",
    ]


def test_new_directories_are_durable_in_theirs(
    seam: Seam, disk: ArtifactStore, tmp_path: Path
) -> None:
    """From the root's own parent downwards, each after it was made."""
    record = Record(seam, tmp_path / "store")
    disk.replace("runs/r/x", {})
    assert [step for step in record.steps if "document" not in step and ".stage" not in step] == [
        "make_root ROOT",
        f"sync {tmp_path}",
        "make_directory ROOT/runs",
        "sync ROOT",
        "make_directory ROOT/runs/r",
        "sync ROOT/runs",
        "sync ROOT/runs/r",
    ]


def test_directories_that_a_dead_process_made_are_synced_too(
    seam: Seam, disk: ArtifactStore, tmp_path: Path
) -> None:
    """It may have died before it did so; once for each process is enough."""
    (tmp_path / "store" / "runs" / "r").mkdir(parents=True)
    record = Record(seam, tmp_path / "store")
    for name in "xy":
        disk.create(f"runs/r/{name}", {})
    syncs = [step for step in record.steps if step.startswith("sync") and "*" not in step]
    assert syncs == ["sync ROOT", "sync ROOT/runs", "sync ROOT/runs/r", "sync ROOT/runs/r"]


def test_directories_that_were_removed_are_synced_again(
    seam: Seam, disk: ArtifactStore, tmp_path: Path
) -> None:
    """A run that starts afresh makes its folder anew."""
    disk.create("runs/r/x", {})
    disk.remove("runs/r")
    record = Record(seam, tmp_path / "store")
    disk.create("runs/r/x", {})
    assert "sync ROOT/runs" in record.steps


def test_space_is_reserved_for_large_files_only(seam: Seam, disk: ArtifactStore) -> None:
    """For small ones it costs more than it gives."""
    disk.commit("small", {"f": bytes(1000)})
    assert "reserve" not in seam.calls
    disk.commit("large", {"f": bytes(9 * 2**20)})
    assert seam.calls.count("reserve") == 1


def test_where_space_cannot_be_reserved_nothing_fails(
    disk: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every file system can; one that is full says so."""
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("macOS has no posix_fallocate")

    def refuse(_file: int, _start: int, _size: int) -> None:
        raise OSError(code, "refused")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    code = errno.EOPNOTSUPP
    disk.commit("a", {"f": bytes(9 * 2**20)})
    code = errno.ENOSPC
    with pytest.raises(StorageError, match="ENOSPC"):
        disk.commit("b", {"f": bytes(9 * 2**20)})


def test_a_write_that_takes_a_part_goes_on(seam: Seam, disk: ArtifactStore) -> None:
    """The system may write less than it was given."""

    def halve(name: str, real: Real, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - any operation
        if name == "write" and len(arguments[1]) > 1:
            return real(arguments[0], arguments[1][: len(arguments[1]) // 2])
        return real(*arguments)

    seam.hook = halve
    disk.commit("c", {"f": bytes(range(256))})
    assert disk.read("c", "f") == bytes(range(256))


@pytest.mark.parametrize("portable", [False, True])
def test_a_rename_never_replaces(
    portable: bool, disk: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With RENAME_NOREPLACE, and by other means where the system does not have it."""
    if portable:
        monkeypatch.setattr(fs, "_renameat2", None)
    for name in ("file", "other"):
        (tmp_path / name).write_text(name)
    for name in ("full", "another"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    inside = os.open(tmp_path, os.O_RDONLY)
    for source in ("file", "full"):
        for target in ("other", "another"):
            with pytest.raises(FileExistsError):
                fs.publish(source, inside, target, inside)
    fs.publish("file", inside, "new", inside)
    fs.publish("full", inside, "fuller", inside)
    os.close(inside)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "fuller", "new", "other"]
    disk.commit("c", {"f": b"x"})
    disk.create("d", {})
    assert disk.verify().problems == []
