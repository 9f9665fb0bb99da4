"""Checkpoints of a run: the newest that verifies is found, whatever became of those after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore, digest
from training.checkpoints import CheckpointManager
from training.state import CheckpointRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def manager(tmp_path: Path) -> CheckpointManager:
    """With checkpoints after epochs 1 to 3."""
    manager = CheckpointManager(ArtifactStore(tmp_path), "runs/r/checkpoints")
    for epoch in (1, 2, 3):
        tree: Any = {"model": {"weights": {"w": np.full(50, epoch)}}, "epoch": epoch}
        ref = CheckpointRef("", epoch, 0, epoch, digest(tree["model"]["weights"]), {})
        manager.save(ref, tree, {})
    return manager


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "state.safetensors").write_bytes(b""),
        lambda folder: (folder / "state.safetensors").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_bytes(b"{}"),
    ],
    ids=["a file changed", "a file gone", "no manifest", "another manifest"],
)
@pytest.mark.parametrize("set_aside", [False, True])
def test_the_newest_that_verifies_is_found(
    set_aside: bool,
    damage: Callable[[Path], object],
    manager: CheckpointManager,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What was skipped is said, and moved out of the way if that is wanted."""
    newest = tmp_path / "runs/r/checkpoints/00000003-00000000"
    damage(newest)
    found = manager.newest(set_aside=set_aside)
    assert found is not None
    assert found[0].epoch == found[1]["epoch"] == 2
    assert "skipped a damaged checkpoint" in caplog.text
    assert newest.exists() != set_aside


def test_there_may_be_none(tmp_path: Path) -> None:
    """Or none that verifies."""
    assert CheckpointManager(ArtifactStore(tmp_path), "runs/r/checkpoints").newest() is None


def test_saving_again_is_harmless(manager: CheckpointManager, tmp_path: Path) -> None:
    """The same state stays as it is; other weights at its place move it aside."""
    place = tmp_path / "runs/r/checkpoints/00000003-00000000/manifest.json"
    before = place.read_bytes()
    for value in (3, 4):
        tree: Any = {"model": {"weights": {"w": np.full(50, value)}}, "epoch": 3}
        ref = CheckpointRef("", 3, 0, 3, digest(tree["model"]["weights"]), {})
        manager.save(ref, tree, {})
        assert (place.read_bytes() == before) == (value == 3)
    assert (tmp_path / ".quarantine/runs/r/checkpoints/00000003-00000000.1").is_dir()
