"""Names that lead out of the store, or mean different things in different places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from training.artifacts import ArtifactStore, encode
from training.artifacts.names import parts_of
from training.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOSTILE = [
    "",
    "/",
    ".",
    "..",
    "../secret",
    "a/../../secret",
    "a/..",
    "/etc/passwd",
    "a//b",
    "a/",
    "a/./b",
    ".stage",
    ".trash/x",
    "a/.hidden",
    "a\0b",
    "a\n",
    "a b",
    "a\\b",
    "%2e%2e/secret",
    "..%2fsecret",
    "~root",
    "-rf",
    "C:\\x",
    "é",
    "\u202ea",
    "\uff0e\uff0e/secret",  # full-width dots
    "runs\u2215r",  # a division slash
    "\u0430dmin",  # a Cyrillic letter
    "a\u0301",
    "\u0661",  # an Arabic digit
    "x" * 129,
    "/".join("a" * 17),
    "a/manifest.json",
    "manifest.json",
    "file:///etc/passwd",
]

METHODS: dict[str, Callable[[ArtifactStore, str], object]] = {
    "commit": lambda store, path: store.commit(path, {"f": b"x"}),
    "commit a file": lambda store, path: store.commit("fine", {path: b"x"}),
    "open": lambda store, path: store.open(path),
    "read": lambda store, path: store.read(path, "f"),
    "read_tree": lambda store, path: store.read_tree(path, "f"),
    "create": lambda store, path: store.create(path, {}),
    "replace": lambda store, path: store.replace(path, {}),
    "document": lambda store, path: store.document(path),
    "exists": lambda store, path: store.exists(path),
    "children": lambda store, path: store.children(path or "."),
    "remove": lambda store, path: store.remove(path),
    "quarantine": lambda store, path: store.quarantine(path),
    "verify": lambda store, path: store.verify(path or "."),
    "lock": lambda store, path: store.lock(path),
    "put": lambda store, path: store.put("models", path, {"f": b"x"}),
    "put of a kind": lambda store, path: store.put(path, "m", {"f": b"x"}),
    "get": lambda store, path: store.get("models", path),
    "versions": lambda store, path: store.versions("models", path),
    "list": lambda store, path: store.list("models", path),
    "delete": lambda store, path: store.delete("models", path, 1),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_no_name_leaves_the_store(
    method: Callable[[ArtifactStore, str], object], store: ArtifactStore, tmp_path: Path
) -> None:
    """A hostile name is refused by every method, and nothing is made or deleted for it."""
    (tmp_path / "secret").write_text("mine")
    for name in HOSTILE:
        with pytest.raises(InputError):
            method(store, name)
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_name_of_an_artifact_is_no_path(store: ArtifactStore) -> None:
    """`put` under `a/b` would hide below another artifact's versions."""
    with pytest.raises(InputError, match="without '/'"):
        store.put("models", "a/b", {})


@pytest.mark.parametrize("name", ["a", "0", "A.b_c-d", "x" * 128, "a..b", "/".join("a" * 16)])
def test_ordinary_names_are_taken(name: str) -> None:
    """Letters, digits, dots, underscores and dashes."""
    assert "/".join(parts_of(name)) == name


def test_a_link_inside_a_store_is_not_followed(disk: ArtifactStore, tmp_path: Path) -> None:
    """Neither to read, nor to write, nor to delete."""
    outside = ArtifactStore(tmp_path / "outside")
    outside.commit("c", {"f": encode({})})
    outside.create("d", {"secret": 1})
    disk.create("a", {})
    root = tmp_path / "store"
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "document").symlink_to(tmp_path / "outside" / "d")
    for refused in (
        lambda: disk.document("link/d"),
        lambda: disk.document("document"),
        lambda: disk.open("link/c"),
        lambda: disk.read("link/c", "f"),
        lambda: disk.children("link"),
        lambda: disk.create("link/new", {}),
        lambda: disk.replace("link/d", {}),
        lambda: disk.commit("link/new", {}),
        lambda: disk.remove("link/d"),
        lambda: disk.quarantine("link/c"),
    ):
        with pytest.raises(StorageError, match="is a link"):
            refused()
    assert disk.children() == ["a"]
    disk.remove("link")
    disk.replace("document", {"now": "ours"})
    assert outside.document("d") == {"secret": 1}
    assert outside.verify().problems == []
