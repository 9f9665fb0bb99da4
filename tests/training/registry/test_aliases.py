"""Aliases of models: they point to versions that are there, and nobody's move is overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.errors import ConflictError, InputError, IntegrityError, NotFoundError
from training.registry import ModelReference, ModelRegistry

if TYPE_CHECKING:
    from training.types import StateTree


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """With versions 1 and 2 of `m`."""
    registry = ModelRegistry(ArtifactStore(tmp_path))
    for number in (1, 2):
        weights: dict[str, StateTree] = {"w": np.full(3, float(number))}
        registry.save_model("m", weights, {}, {"run_id": f"r{number}", "metrics": {}})
    return registry


def test_a_model_is_found_by_its_alias(registry: ModelRegistry) -> None:
    registry.set_alias("m", "champion", 1, expect=None, why="the first")
    registry.set_alias("m", "challenger", 2, expect=None)
    assert registry.get("m@champion").version == 1
    assert registry.get("registry://m@challenger").version == 2
    assert registry.get("m").version == 2
    assert registry.aliases("m") == {"challenger": 2, "champion": 1}
    assert str(ModelReference.parse("m@champion")) == "m@champion"


def test_a_move_says_what_it_replaces(registry: ModelRegistry) -> None:
    registry.set_alias("m", "champion", 1, expect=None)
    registry.set_alias("m", "champion", 2, expect=1, why="better")
    with pytest.raises(ConflictError, match="points to 2, not to 1"):
        registry.set_alias("m", "champion", 1, expect=1)
    registry.set_alias("m", "champion", None, expect=2, why="withdrawn")
    assert registry.aliases("m") == {}
    history = registry.alias_history("m", "champion")
    assert [(move.to, move.why) for move in history] == [
        (None, "withdrawn"),
        ("2", "better"),
        ("1", ""),
    ]


def test_what_is_not_there_is_said(registry: ModelRegistry) -> None:
    registry.set_alias("m", "champion", 1, expect=None)
    with pytest.raises(NotFoundError, match="no alias 'campion'; did you mean 'champion'"):
        registry.get("m@campion")
    with pytest.raises(NotFoundError, match="no version 3; it has 1 to 2"):
        registry.set_alias("m", "champion", 3, expect=1)
    with pytest.raises(InputError, match=r"'\.\./x' is no path"):
        registry.set_alias("m", "../x", 1, expect=None)
    with pytest.raises(NotFoundError, match="names no model"):
        registry.get("m@../x")
    assert registry.alias("m", "champion") == 1


def test_a_damaged_alias_is_an_error_and_not_its_older_value(registry: ModelRegistry) -> None:
    registry.set_alias("m", "champion", 1, expect=None)
    registry.set_alias("m", "champion", 2, expect=1)
    path = Path(registry.store.url) / "models/m/aliases/champion/00000002.json"
    path.write_bytes(path.read_bytes().replace(b'"2"', b'"1"'))
    with pytest.raises(IntegrityError, match=r"00000002\.json is damaged"):
        registry.get("m@champion")


def test_all_versions_are_listed_in_short(registry: ModelRegistry) -> None:
    """The newest first; a metric that is no finite number is left out."""
    weights: dict[str, StateTree] = {"w": np.ones(2)}
    metrics = {"loss": 0.5, "ratio": float("inf")}
    registry.save_model("m", weights, {}, {"run_id": "r3", "metrics": metrics})
    listed = registry.list("m")
    assert [(item.version, item.run_id) for item in listed] == [(3, "r3"), (2, "r2"), (1, "r1")]
    assert listed[0].metrics == {"loss": 0.5}
    assert listed[0].digest == registry.get("m:3").digest
    assert listed[0].uri == registry.get("m:3").uri
    assert registry.list("nobody") == []
