"""Mending a storage: damaged things are moved aside, nothing is deleted, everything is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts.stage import machine_id
from training.errors import NotFoundError
from training.registry import ModelRegistry
from training.upkeep import inspect, repair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.training.upkeep.conftest import Filled


def test_a_whole_storage_needs_none(filled: Filled) -> None:
    """And is not touched."""
    before = sorted(filled.root.rglob("*"))
    assert list(repair(filled.store)) == []
    assert sorted(filled.root.rglob("*")) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "state.safetensors").write_bytes(b""),
        lambda folder: (folder / "state.safetensors").unlink(),
        lambda folder: (folder / "manifest.json").write_bytes(b"{}"),
        lambda folder: (folder / "manifest.json").unlink(),
    ],
    ids=["file changed", "file gone", "manifest changed", "manifest gone"],
)
def test_a_damaged_commit_is_moved_aside_as_a_whole(
    damage: Callable[[Any], object], filled: Filled
) -> None:
    """Its path is free again, and what is left of it can be looked at."""
    path = filled.checkpoints()[-1]
    damage(filled.root / path)
    left = {file.name: file.read_bytes() for file in (filled.root / path).iterdir()}
    (action,) = repair(filled.store)
    assert (action.path, action.is_done) == (path, True)
    assert f".quarantine/{path}.1" in action.what
    aside = filled.root / ".quarantine" / f"{path}.1"
    assert {file.name: file.read_bytes() for file in aside.iterdir()} == left
    assert not filled.store.exists(path)
    assert inspect(filled.store).damaged == []


@pytest.mark.parametrize("name", ["extra.json", ".DS_Store", "läuft nicht", "link"])
def test_what_no_store_made_is_moved_aside(name: str, filled: Filled) -> None:
    """Whatever its name; the commit that it lay in stays."""
    path = filled.checkpoints()[-1]
    if name == "link":
        (filled.root / path / name).symlink_to("/etc/passwd")
    else:
        (filled.root / path / name).write_bytes(b"x")
    (action,) = repair(filled.store)
    assert action.path == f"{path}/{name}"
    assert filled.store.exists(path)
    assert inspect(filled.store).damaged == []


def test_a_run_goes_on_after_its_repair(filled: Filled, train: Callable[..., Any]) -> None:
    """Its newest whole checkpoint counts; a version that was damaged is registered again."""
    registry = ModelRegistry(filled.store)
    version = registry.get(f"{filled.name}:1").uri
    (filled.root / f"runs/{filled.runs[0]}/run.json").write_bytes(b"x")
    filled.flip(f"{version}/weights.safetensors")
    digest = filled.store.open(version).metadata["digest"]
    moved = {action.path for action in repair(filled.store)}
    assert moved == {version, f"runs/{filled.runs[0]}/run.json"}
    missing = {finding.path for finding in inspect(filled.store).missing}
    assert missing == {version, f"runs/{filled.runs[0]}/run.json"}
    for seed in (1, 2):
        train(seed=seed, checkpoints={"keep": []})
    found = inspect(filled.store)
    assert (found.damaged, found.missing) == ([], [])
    assert registry.get(f"{filled.name}@champion").digest == digest
    assert registry.numbers(filled.name) == [1, 2]


@pytest.mark.parametrize("version", [1, 2])
def test_a_damaged_claim_is_written_anew(version: int, filled: Filled) -> None:
    """What is left of it names its files, which no other claim names."""
    path = f"models/{filled.name}/versions/{version:08d}.json"
    before = (filled.root / path).read_bytes()
    _flip(filled.root / path, before.index(b"metrics"))
    (action,) = repair(filled.store)
    assert (action.path, action.is_done) == (path, True)
    assert "written anew" in action.what
    assert (filled.root / path).read_bytes() == before
    found = inspect(filled.store)
    assert (found.damaged, found.missing, found.left_over) == ([], [], [])


@pytest.mark.parametrize("version", [1, 2])
def test_the_number_of_a_claim_that_nobody_can_read_is_not_given_again(
    version: int, filled: Filled
) -> None:
    """Its run gets another one; nobody else's model stands where the old one did."""
    path = filled.root / f"models/{filled.name}/versions/{version:08d}.json"
    files = filled.store.document(str(path.relative_to(filled.root)))["files"]
    _flip(path, path.read_bytes().index(files.encode()))
    (action,) = repair(filled.store)
    assert "moved to" in action.what
    registry = ModelRegistry(filled.store)
    assert registry.numbers(filled.name) == [3 - version]
    weights: Any = {"w": np.ones(2)}
    card = {"run_id": "another", "metrics": {}}
    assert registry.save_model(filled.name, weights, {}, card).version == 3
    with pytest.raises(NotFoundError, match="was deleted"):
        registry.get(f"{filled.name}:{version}")
    assert inspect(filled.store).damaged == []


def _flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def test_the_newest_move_of_an_alias_is_never_taken_away(filled: Filled) -> None:
    """The alias would go back to an older version without a word; an older move may go."""
    registry, folder = ModelRegistry(filled.store), f"models/{filled.name}/aliases/champion"
    registry.set_alias(filled.name, "champion", 2, expect=1)
    for number in (1, 2):
        filled.flip(f"{folder}/{number:08d}.json")
    told = {action.path: action.is_done for action in repair(filled.store)}
    assert told == {f"{folder}/00000001.json": True, f"{folder}/00000002.json": False}
    assert filled.store.exists(f"{folder}/00000002.json")


def test_what_dead_processes_left_is_deleted_and_told(filled: Filled) -> None:
    """Nothing else is."""
    stage = filled.root / ".stage" / f"{machine_id()}-1-dead"
    stage.mkdir()
    trash = filled.root / ".trash" / "half"
    trash.mkdir(parents=True)
    told = [action.path for action in repair(filled.store)]
    assert told == [f".stage/{stage.name}", ".trash/half"]
    assert not stage.exists()
    assert not trash.exists()


def test_a_part_can_be_mended_alone(filled: Filled) -> None:
    """Damage elsewhere stays where it is."""
    paths = [filled.checkpoints(run)[0] for run in (0, 1)]
    for path in paths:
        filled.flip(f"{path}/state.safetensors")
    (action,) = repair(filled.store, f"runs/{filled.runs[0]}")
    assert action.path == paths[0]
    assert [finding.path for finding in inspect(filled.store).damaged] == [
        f"{paths[1]}/state.safetensors"
    ]
