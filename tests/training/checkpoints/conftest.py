"""A store for checkpoints and histories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from training.artifacts import ArtifactStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """On disk, and empty."""
    return ArtifactStore(tmp_path / "storage")
