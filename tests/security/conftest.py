"""An attacker who may write into the storage, seals and digests included."""

from __future__ import annotations

import os
import pickle
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.durability.operations import fill
from training.artifacts import ArtifactStore
from training.artifacts.documents import seal, unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Attacker:
    """Rewrites what is stored so that every seal and every digest is right.

    Attributes:
        store: whose storage it is.
        root: its folder.
        proof: a file that is there as soon as any code of the attacker's has run.
        victim: a file outside the storage.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "store"
        self.store = ArtifactStore(self.root)
        self.proof = folder / "executed"
        self.victim = folder / "victim"
        self.victim.write_text("mine")

    def remember(self) -> None:
        """Everything as it is now."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        self._pristine = {path: path.read_bytes() for path in files}

    def restore(self) -> None:
        """Go back to it."""
        shutil.rmtree(self.root)
        for path, content in self._pristine.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def rewrite(self, path: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change a document or a manifest, and seal it anew."""
        file = self.root / path
        body = unseal(file.read_bytes(), path)
        change(body)
        file.write_bytes(seal(body))

    def put_file(self, commit: str, name: str, content: bytes, **entry: Any) -> None:  # noqa: ANN401 - of a manifest
        """Put another file in place of one of a commit, and say so in its manifest."""
        from blake3 import blake3

        (self.root / commit / name).write_bytes(content)

        def describe(manifest: dict[str, Any]) -> None:
            for old in manifest["files"]:
                if old["path"] == name:
                    digest = blake3(content).hexdigest()
                    old.update({"size": len(content), "digest": digest} | entry)

        self.rewrite(f"{commit}/manifest.json", describe)

    def pickle(self) -> bytes:
        """A pickle that runs code as soon as it is loaded."""
        return pickle.dumps(_Executes(str(self.proof)))

    def check(self) -> None:
        """Nothing was executed, nothing outside was touched."""
        assert not self.proof.exists()
        assert self.victim.read_text() == "mine"
        outside = {path.name for path in self.root.parent.iterdir()}
        assert outside == {"store", "victim"}


class _Executes:
    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self._path,)


@pytest.fixture
def attacker(tmp_path: Path) -> Iterator[Attacker]:
    """On a storage with checkpoints, models, an alias, artifacts; judged at the end."""
    (tmp_path / "place").mkdir()
    attacker = Attacker(tmp_path / "place")
    fill(attacker.store)
    attacker.remember()
    yield attacker
    attacker.check()
