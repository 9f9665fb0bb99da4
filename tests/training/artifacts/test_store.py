"""What a store promises, on disk and on objects alike."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore, digest, encode
from training.errors import ExistsError, InputError, IntegrityError, NotFoundError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

TREE: dict[str, Any] = {"weights": {"w": np.arange(6.0)}, "epoch": 3, "rng": 1 << 100}


def test_a_commit_comes_back_whole(store: ArtifactStore) -> None:
    """Trees, bytes and metadata, by another store object."""
    files: dict[str, Any] = {"state": encode(TREE), "notes/a.txt": b"hello", "empty": b""}
    made = store.commit("runs/r/checkpoints/1", files, {"loss": float("inf"), "epoch": 3})
    other = ArtifactStore(store.url)
    found = other.open("runs/r/checkpoints/1")
    assert found == made
    assert found.uri == f"{store.url}/runs/r/checkpoints/1"
    assert found.metadata == {"loss": float("inf"), "epoch": 3}
    assert set(found.files) == set(files)
    assert found.files["notes/a.txt"].size == 5
    assert found.digest.startswith("sha256:")
    tree: Any = other.read_tree("runs/r/checkpoints/1", "state")
    assert tree["epoch"] == 3
    assert tree["rng"] == 1 << 100
    np.testing.assert_array_equal(tree["weights"]["w"], TREE["weights"]["w"])
    tree["weights"]["w"][0] = 7  # writable
    assert other.read("runs/r/checkpoints/1", "notes/a.txt") == b"hello"
    assert other.read("runs/r/checkpoints/1", "empty") == b""


def test_the_digest_of_a_file_of_weights_is_that_of_the_model(store: ArtifactStore) -> None:
    """Equal weights, equal digest, wherever they were stored."""
    commit = store.commit("models/m", {"weights": encode(TREE["weights"])})
    assert f"blake3:{commit.files['weights'].digest}" == digest(TREE["weights"])


def test_a_large_file_is_digested_rightly(store: ArtifactStore) -> None:
    """It is digested in another thread while it is written, with its space reserved."""
    tree = {"w": np.arange(1_500_000.0), "v": np.arange(1_000_000.0).reshape(1000, 1000).T}
    commit = store.commit("large", {"state": encode(tree)})
    assert f"blake3:{commit.files['state'].digest}" == digest(tree)
    np.testing.assert_array_equal(store.read_tree("large", "state")["v"], tree["v"])
    assert store.verify().problems == []


def test_what_is_stored_is_never_overwritten(store: ArtifactStore) -> None:
    """Not a commit, not a document, neither by the other, nor a folder of them."""
    store.commit("a/commit", {"f": b"old"})
    store.create("a/document", {"old": 1})
    for path in ("a/commit", "a/document", "a"):
        with pytest.raises(ExistsError, match=f"{path} is there already"):
            store.commit(path, {"f": b"new"})
    with pytest.raises(ExistsError):
        store.create("a/document", {"new": 1})
    assert store.read("a/commit", "f") == b"old"
    assert store.document("a/document") == {"old": 1}


def test_nothing_is_added_to_a_commit(disk: ArtifactStore) -> None:
    """A document below it would belong to nobody."""
    disk.commit("a/commit", {"f": b"old"})
    for write in (disk.create, disk.replace):
        with pytest.raises(ExistsError, match="a/commit is a commit"):
            write("a/commit/more", {})
    with pytest.raises(ExistsError, match="a/commit is a commit"):
        disk.commit("a/commit/more", {})
    assert disk.verify().problems == []


def test_a_document_is_replaced_whole(store: ArtifactStore) -> None:
    """Durably or not, the last one counts."""
    store.replace("runs/r/lease", {"n": 1})
    store.replace("runs/r/lease", {"n": 2}, durable=False)
    assert store.document("runs/r/lease") == {"n": 2}
    assert store.verify().problems == []


def test_what_is_not_there_is_said_to_be_not_there(store: ArtifactStore) -> None:
    """Before anything was written, and after."""
    for _ in range(2):
        for look in (store.open, store.document, store.quarantine, store.verify):
            with pytest.raises(NotFoundError, match="there is no"):
                look("runs/r")
        with pytest.raises(NotFoundError, match="there is no commit"):
            store.read("runs/r", "f")
        assert not store.exists("runs/r")
        assert store.children("runs/r") == []
        assert store.verify().files <= 2
        assert store.sweep() == []
        store.remove("runs/r")
        if not store.exists("c"):
            store.commit("c", {"weights": b"x"})
    with pytest.raises(NotFoundError, match="did you mean 'weights'"):
        store.read("c", "weigths")
    with pytest.raises(NotFoundError):
        store.document("c")
    with pytest.raises(NotFoundError):
        store.document("c/weights/more")


def test_looking_makes_nothing(tmp_path: Path) -> None:
    """A store is a place; only writing makes a folder."""
    store = ArtifactStore(tmp_path / "a" / "store")
    store.children()
    store.sweep()
    store.verify()
    store.remove("x")
    assert list(tmp_path.iterdir()) == []


def test_children_are_sorted_names(store: ArtifactStore) -> None:
    """Commits, documents and folders; no stages, no trash, no hidden files."""
    for name in ("00000010", "00000009"):
        store.commit(f"runs/r/{name}", {"f": b"x"})
    store.create("runs/r/run.json", {})
    store.create("runs/r/deep/down", {})
    store.remove("runs/r/00000009")
    store.quarantine("runs/r/deep")
    store.create("runs/r/more/x", {})
    with store.lock("runs/r/lock"):
        assert store.children("runs/r") == ["00000010", "more", "run.json"]
        assert store.children() == ["runs"]
    assert store.children("runs/r/run.json") == []


def test_what_is_removed_is_gone(store: ArtifactStore) -> None:
    """A commit, a document, a whole folder; and the path is free again."""
    store.commit("a/commit", {"f": b"old", "d/g": b"x"})
    store.create("a/document", {})
    store.create("b/document", {})
    store.remove("a/commit")
    assert not store.exists("a/commit")
    store.remove("a/document", durable=False)
    assert store.children("a") == []
    store.commit("a/commit", {"f": b"new"})
    assert store.read("a/commit", "f") == b"new"
    store.remove("a")
    assert store.children() == ["b"]
    assert store.sweep() == []


def test_what_is_damaged_is_moved_aside(store: ArtifactStore) -> None:
    """Each time to another place, and the path is free again."""
    places = []
    for content in (b"1", b"2"):
        store.commit("runs/r/1", {"f": content})
        places.append(store.quarantine("runs/r/1"))
        assert store.children("runs/r") == []
    store.create("runs/d", {})
    places.append(store.quarantine("runs/d"))
    assert places == [".quarantine/runs/r/1.1", ".quarantine/runs/r/1.2", ".quarantine/runs/d.1"]
    assert store.verify().files == 0


def test_a_tree_is_told_by_the_manifest_and_not_by_its_name(store: ArtifactStore) -> None:
    """Bytes are not decoded because their name ends in safetensors."""
    content = b"".join(encode(TREE).buffers())
    store.commit("c", {"state.safetensors": content, "state.txt": encode(TREE)})
    with pytest.raises(IntegrityError, match="written as bytes"):
        store.read_tree("c", "state.safetensors")
    assert store.read_tree("c", "state.txt")["epoch"] == 3


def test_metadata_that_is_not_plain_is_refused(store: ArtifactStore) -> None:
    """And nothing of that commit is left."""
    with pytest.raises(StorageError, match="metadata/when"):
        store.commit("c", {"f": b"x"}, {"when": object()})
    assert store.children() == []
    assert store.verify().files == 0


@pytest.mark.parametrize("form", ["path", "text", "url", "link"])
def test_a_folder_can_be_named_in_several_ways(form: str, tmp_path: Path) -> None:
    """A path, a text, a URL with escapes, a link of the user's own; and it stays the same."""
    folder = tmp_path / "my store"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    names: dict[str, Any] = {
        "path": folder,
        "text": str(folder),
        "url": folder.as_uri(),
        "link": tmp_path / "link",
    }
    ArtifactStore(names[form]).create("d", {})
    assert (folder / "d").is_file()


def test_a_relative_folder_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that changes its directory goes on in the same store."""
    monkeypatch.chdir(tmp_path)
    store = ArtifactStore("./artifacts")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.create("d", {})
    assert (tmp_path / "artifacts" / "d").is_file()
    assert store.url == str(tmp_path / "artifacts")


@pytest.mark.parametrize("url", ["http://x/y", "simplecache::memory://x", "nonsense://x"])
def test_a_storage_that_cannot_hold_a_store_is_refused(url: str) -> None:
    """Because it has no exclusive create, or because there is none of that name."""
    with pytest.raises(InputError, match="cannot hold a store"):
        ArtifactStore(url)


def test_files_get_the_modes_that_the_umask_says(tmp_path: Path) -> None:
    """A scorer of another user can read; while it was written, nobody could."""
    for umask, file_mode, folder_mode in ((0o022, 0o644, 0o755), (0o027, 0o640, 0o750)):
        old = os.umask(umask)
        try:
            root = tmp_path / f"{umask:o}"
            store = ArtifactStore(root)
            store.commit("a/c", {"d/f": b"x"})
            store.create("a/d", {})
            store.replace("a/e", {})
        finally:
            os.umask(old)
        for place in ("a/c/d/f", "a/c/manifest.json", "a/d", "a/e"):
            assert (root / place).stat().st_mode & 0o777 == file_mode
        for place in ("a", "a/c", "a/c/d"):
            assert (root / place).stat().st_mode & 0o777 == folder_mode


def test_importing_the_store_is_cheap() -> None:
    """No fsspec, no pandas, no prefect before they are needed."""
    heavy = {"fsspec", "pandas", "pyarrow", "prefect", "pydantic"}
    program = "import sys, training.artifacts; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not heavy & set(done.stdout.split())
