"""Bits that flip, files that are cut, missing, extra or in each other's place: never silent."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.durability.operations import RUN_IN_PIECES, SIZE, check_pieces, fill, state
from training.artifacts import ArtifactStore
from training.checkpoints import CheckpointManager
from training.errors import RetrainError
from training.registry import ModelRegistry
from training.upkeep import inspect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.durability.tally import Tally

RUN = "runs/r/checkpoints"


def load_all(store: ArtifactStore) -> None:
    """Use everything that `fill` wrote, as its users do; a value that is wrong fails.

    Raises:
        RetrainError: something was found out.
        AssertionError: something was not.
    """
    registry = ModelRegistry(store)
    assert set(registry.numbers("m")) <= {1, 2}  # one that is gone is told when it is asked for
    assert registry.get("m@champion").version == 1
    for number in (1, 2):
        version = registry.get(f"m:{number}")
        assert version.run_id == f"r{number}"
        weights: Any = registry.weights(version)
        assert weights["w"].tolist() == [number] * SIZE
        assert registry.pipeline(version) == {"scaler": "none"}
        report = store.get("reports", "p", number)
        assert store.read(report.path, "f") == b"report %d" % number
    manager = CheckpointManager(store, RUN)
    for checkpoint in manager.refs():  # one whose manifest is damaged is skipped, and logged
        np.testing.assert_equal(manager.load(checkpoint), state(checkpoint.epoch))
    for checkpoint in CheckpointManager(store, RUN_IN_PIECES).refs():
        check_pieces(store, checkpoint.epoch)
    assert store.document("runs/r/run.json") == {"v": "kept"}
    assert store.document("runs/r/lease") == {"v": "old"}


def flip(root: Path, files: list[Path], random: np.random.Generator) -> None:
    """One bit of one file."""
    path = files[random.integers(len(files))]
    data = bytearray(path.read_bytes())
    data[random.integers(len(data))] ^= 1 << random.integers(8)
    path.write_bytes(data)


def cut(root: Path, files: list[Path], random: np.random.Generator) -> None:
    """A file ends at a multiple of 4 KiB, or anywhere, or at once."""
    path = files[random.integers(len(files))]
    size = path.stat().st_size
    ends = [0, int(random.integers(size)), (size - 1) // 4096 * 4096]
    os.truncate(path, ends[random.integers(len(ends))])


def grow(root: Path, files: list[Path], random: np.random.Generator) -> None:
    """Zeros at the end, as after a cut of the power."""
    with files[random.integers(len(files))].open("ab") as file:
        file.write(bytes(int(random.integers(1, 4096))))


def lose(root: Path, files: list[Path], random: np.random.Generator) -> None:
    """A file is not there."""
    files[random.integers(len(files))].unlink()


def swap(root: Path, files: list[Path], random: np.random.Generator) -> None:
    """Two files of the same name have changed places, or any two."""
    one = files[random.integers(len(files))]
    alike = [path for path in files if path.name == one.name and path != one] or files
    others = [path for path in alike if path.read_bytes() != one.read_bytes()]
    other = others[random.integers(len(others))] if others else root / "runs/r/run.json"
    aside = root / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def add(root: Path, files: list[Path], random: np.random.Generator) -> None:
    """A file that nobody wrote."""
    beside = files[random.integers(len(files))]
    shutil.copy(files[random.integers(len(files))], beside.with_name("extra.json"))


DAMAGES = (flip, flip, flip, flip, cut, cut, grow, lose, swap, add)


def try_damages(count: int, tally: Tally, folder: Path) -> None:
    """Each damage is told by `verify`, with the file; and by whoever loads it."""
    template, root = folder / "template", folder / "store"
    fill(ArtifactStore(template))
    load_all(ArtifactStore(template))
    random = np.random.default_rng(31)
    for number in range(count):
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template, root)
        files = sorted(path for path in root.rglob("*") if path.is_file())
        damage = DAMAGES[number % len(DAMAGES)]
        damage(root, files, random)
        faults = [] if is_told(ArtifactStore(root)) else ["silent"]
        tally.add("flips", faults)
        assert not faults, f"{damage.__name__} number {number}"


def is_told(store: ArtifactStore) -> bool:
    """Whether nobody loads anything that is wrong, and somebody is told.

    What nobody loads here (claims, notes, what is extra) is told by the inspection alone; that a
    document is gone which nothing refers to, by whoever asks for it.
    """
    found = inspect(store)
    try:
        load_all(store)
    except RetrainError:
        return True
    except AssertionError:
        return False
    return bool(found.damaged or found.missing)


def test_no_damage_is_silent(tally: Tally, quick_path: Path) -> None:
    """A slice of the campaign."""
    try_damages(60, tally, quick_path)


@pytest.mark.long
def test_no_damage_of_a_thousand_is_silent(tally: Tally, quick_path: Path) -> None:
    """Flips, cuts, zeros, losses, swaps, additions."""
    try_damages(1000, tally, quick_path)
