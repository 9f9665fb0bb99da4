"""Many at once: nothing lost, nothing twice."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.errors import ConflictError
from training.registry import ModelRegistry
from training.upkeep import inspect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.durability.tally import Tally

pytestmark = pytest.mark.long

WRITERS, REGISTRATIONS, MOVES = 8, 125, 1000


def register_many(url: str, writer: int) -> None:
    """What one of several processes does."""
    registry = ModelRegistry(ArtifactStore(url))
    for turn in range(REGISTRATIONS):
        weights: Any = {"w": np.array([writer, turn], float)}
        card = {"run_id": f"r{writer}.{turn}", "metrics": {}}
        registry.save_model("m", weights, {}, card)


def move_many(url: str, writer: int) -> None:
    """What one of several processes does: each move takes the place of one that it has seen."""
    registry = ModelRegistry(ArtifactStore(url))
    done = 0
    while done < MOVES:
        now = registry.alias("m", "champion")
        try:
            registry.set_alias("m", "champion", 1, expect=now, why=f"{writer}.{done}")
        except ConflictError:
            continue
        done += 1


def together(target: Callable[[str, int], None], url: str) -> None:
    """Run it in eight processes."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=target, args=(url, n)) for n in range(WRITERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(1200)
        assert process.exitcode == 0


def test_a_thousand_registrations_lose_nothing(tally: Tally, quick_path: Path) -> None:
    """Eight processes register 125 models each under one name."""
    store = ArtifactStore(quick_path / "store")
    together(register_many, store.url)
    registry = ModelRegistry(store)
    made = [version.run_id for version in registry.list("m")]
    wanted = {f"r{writer}.{turn}" for writer in range(WRITERS) for turn in range(REGISTRATIONS)}
    faults = ["duplicate"] * (len(made) - len(set(made)))
    faults += ["lost after return"] * len(wanted - set(made))
    found = inspect(store)
    left = [one for one in found.left_over if "which made it, is not there" not in one.what]
    faults += ["torn"] * (len(found.damaged) + len(found.missing) + len(left))
    tally.add("races", faults, tried=len(wanted))
    assert not faults
    assert registry.numbers("m") == list(range(1, len(wanted) + 1))


def test_eight_thousand_moves_of_one_alias_lose_nothing(tally: Tally, quick_path: Path) -> None:
    """Each is in the history, once, and in the order of its process."""
    store = ArtifactStore(quick_path / "store")
    registry = ModelRegistry(store)
    registry.save_model("m", {"w": np.ones(2)}, {}, {"run_id": "r", "metrics": {}})
    together(move_many, store.url)
    told = [move.why for move in reversed(registry.alias_history("m", "champion"))]
    wanted = {f"{writer}.{turn}" for writer in range(WRITERS) for turn in range(MOVES)}
    faults = ["duplicate"] * (len(told) - len(set(told)))
    faults += ["lost after return"] * len(wanted - set(told))
    tally.add("races", faults, tried=len(wanted))
    assert not faults
    for writer in range(WRITERS):
        own = [int(why.split(".")[1]) for why in told if why.startswith(f"{writer}.")]
        assert own == list(range(MOVES))
