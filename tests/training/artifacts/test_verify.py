"""Whatever happens to stored bytes is found and named, and never loaded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.artifacts import ArtifactStore, encode, reading, store
from training.errors import RetrainError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def filled(disk: ArtifactStore) -> ArtifactStore:
    """A commit of two files, and a document."""
    disk.commit("c/1", {"state": encode({"w": np.arange(3.0), "n": 1}), "d/f": b"hello"}, {"a": 1})
    disk.create("c/d.json", {"b": 2})
    return disk


def load(store: ArtifactStore) -> None:
    """Read everything that `filled` wrote."""
    assert store.open("c/1").metadata == {"a": 1}
    assert store.read_tree("c/1", "state")["n"] == 1
    assert store.read("c/1", "d/f") == b"hello"
    assert store.document("c/d.json") == {"b": 2}


def files_of(store: ArtifactStore) -> list[Path]:
    return sorted(path for path in (Path(store.url) / "c").rglob("*") if path.is_file())


def assert_found(store: ArtifactStore, path: Path) -> None:
    """Verification names the file, and loading everything fails."""
    name = str(path.relative_to(store.url))
    assert name in [problem.path for problem in store.verify().problems]
    with pytest.raises(RetrainError, match=name):
        load(store)


def test_an_intact_store_has_no_problem(filled: ArtifactStore) -> None:
    """All files and all bytes are counted."""
    load(filled)
    found = filled.verify()
    assert found.problems == []
    assert found.files == len(files_of(filled)) == 4
    assert found.bytes == sum(path.stat().st_size for path in files_of(filled))
    assert filled.verify("c/1").files == 3
    assert filled.verify("c/d.json").files == 1


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 1.0])
def test_a_flipped_bit_of_what_is_digested_aside_is_found(
    place: float, disk: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file that is large enough for a second thread, in any of its parts; nobody parses it."""
    numbers = np.random.default_rng(0).random(2_200_000)
    disk.commit("c/1", {"state": encode({"w": numbers})})
    assert np.array_equal(disk.read_tree("c/1", "state")["w"], numbers)  # type: ignore[arg-type] # an array
    path = Path(disk.url) / "c/1/state"
    size = path.stat().st_size
    assert size > reading._ASIDE
    with path.open("r+b") as file:
        file.seek(at := int(place * (size - 1)))
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    monkeypatch.setattr(store, "decode", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(RetrainError, match="c/1/state is damaged"):
        disk.read_tree("c/1", "state")


def test_every_flipped_byte_is_found(filled: ArtifactStore) -> None:
    """Each byte of each file, with one bit and with all bits changed."""
    for path in files_of(filled):
        data = path.read_bytes()
        for place in range(len(data)):
            for flip in (1, 255):
                path.write_bytes(data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :])
                assert_found(filled, path)
        path.write_bytes(data)
    load(filled)


def test_every_shorter_or_longer_file_is_found(filled: ArtifactStore) -> None:
    """Empty ones, too."""
    for path in files_of(filled):
        data = path.read_bytes()
        for changed in [data[:length] for length in range(len(data))] + [data + b"\0"]:
            path.write_bytes(changed)
            assert_found(filled, path)
        path.write_bytes(data)
    load(filled)


def test_two_files_that_changed_places_are_found(filled: ArtifactStore) -> None:
    """Within a commit, between commits, and whole commits or documents."""
    filled.commit("c/2", {"state": encode({"w": np.arange(3.0), "n": 2}), "d/f": b"world"}, {})
    filled.create("c/e.json", {"b": 3})
    for one, other in (
        ("c/1/state", "c/1/d/f"),
        ("c/1/state", "c/2/state"),
        ("c/1/d/f", "c/2/d/f"),
        ("c/1/manifest.json", "c/2/manifest.json"),
        ("c/1", "c/2"),
        ("c/d.json", "c/e.json"),
    ):
        swap(filled, one, other)
        assert any(problem.path.startswith(one) for problem in filled.verify().problems)
        with pytest.raises(RetrainError, match=one):
            load(filled)
        swap(filled, one, other)
    load(filled)


def swap(store: ArtifactStore, one: str, other: str) -> None:
    root = Path(store.url)
    (root / one).rename(root / "aside")
    (root / other).rename(root / one)
    (root / "aside").rename(root / other)


def add_file(root: Path) -> str:
    (root / "c/1/extra").write_bytes(b"")
    return "c/1/extra"


def add_document_to_commit(root: Path) -> str:
    shutil.copy(root / "c/d.json", root / "c/1/d.json")
    return "c/1/d.json"


def add_hidden_file(root: Path) -> str:
    (root / "c/.DS_Store").write_bytes(b"x")
    return "c/.DS_Store"


def add_link(root: Path) -> str:
    (root / "c/link").symlink_to(root / "c/d.json")
    return "c/link"


def add_pipe(root: Path) -> str:
    os.mkfifo(root / "c/pipe")
    return "c/pipe"


def copy_document(root: Path) -> str:
    shutil.copy(root / "c/d.json", root / "c/copy.json")
    return "c/copy.json"


def remove_file(root: Path) -> str:
    (root / "c/1/state").unlink()
    return "c/1/state"


def remove_manifest(root: Path) -> str:
    (root / "c/1/manifest.json").unlink()
    return "c/1/state"


def file_becomes_link(root: Path) -> str:
    (root / "c/1/state").rename(root / "c/1/real")
    (root / "c/1/state").symlink_to("real")
    return "c/1/state"


def file_becomes_directory(root: Path) -> str:
    (root / "c/1/state").unlink()
    (root / "c/1/state").mkdir()
    return "c/1/state"


def file_becomes_pipe(root: Path) -> str:
    (root / "c/d.json").unlink()
    os.mkfifo(root / "c/d.json")
    return "c/d.json"


@pytest.mark.parametrize(
    "change",
    [
        add_file,
        add_document_to_commit,
        add_hidden_file,
        add_link,
        add_pipe,
        copy_document,
        remove_file,
        remove_manifest,
        file_becomes_link,
        file_becomes_directory,
        file_becomes_pipe,
    ],
)
def test_what_is_missing_or_extra_is_found(
    change: Callable[[Path], str], filled: ArtifactStore, tmp_path: Path
) -> None:
    """Whatever stands where it should not, or does not stand where it should, is named."""
    name = change(tmp_path / "store")
    assert name in [problem.path for problem in filled.verify().problems]


def test_the_digest_is_checked_before_anybody_parses(
    filled: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No parser sees a byte that is not as it was written."""
    (tmp_path / "store/c/1/state").write_bytes(b"!" * filled.open("c/1").files["state"].size)
    monkeypatch.setattr("training.artifacts.store.decode", lambda *_: pytest.fail("was parsed"))
    with pytest.raises(RetrainError, match="its digest is"):
        filled.read_tree("c/1", "state")


def test_a_size_is_checked_before_memory_is_taken(filled: ArtifactStore, tmp_path: Path) -> None:
    """A file of a terabyte in place of a small one is refused at once."""
    for path in files_of(filled):
        data = path.read_bytes()
        os.truncate(path, 2**40)
        assert_found(filled, path)
        path.write_bytes(data)
