"""A storage with two finished runs in it, and ways to spoil it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from training.artifacts import ArtifactStore
from training.registry import ModelRegistry
from training.run import run_ids

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Filled:
    """A store on disk with runs, models and an alias in it.

    Attributes:
        store: all of it.
        root: its folder.
        runs: the ids of its runs.
        name: of the model that both runs registered.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = ArtifactStore(root)
        self.runs = run_ids(self.store)
        (self.name,) = ModelRegistry(self.store).names()

    def checkpoints(self, run: int = 0) -> list[str]:
        """Their paths in the store, the oldest first."""
        folder = f"runs/{self.runs[run]}/checkpoints"
        return [f"{folder}/{name}" for name in self.store.children(folder)]

    def flip(self, path: str) -> None:
        """Change one bit in the middle of a file."""
        file = self.root / path
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)


@pytest.fixture
def filled(train: Callable[..., Any], tmp_path: Path) -> Filled:
    """Two finished runs of one model, `champion` at its first version."""
    for seed in (1, 2):
        train(seed=seed, checkpoints={"keep": []})
    filled = Filled(tmp_path / "storage")
    ModelRegistry(filled.store).set_alias(filled.name, "champion", 1, expect=None)
    return filled
