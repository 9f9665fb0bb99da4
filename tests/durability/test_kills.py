"""SIGKILL at any moment of any operation: at random, and at every system call."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.durability.operations import OPERATIONS, fill
from tests.durability.processes import HAS_STRACE, killed_after, killed_at, system_calls
from tests.durability.tally import judge, outside
from training.artifacts import ArtifactStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.durability.tally import Tally

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

RANDOM = 1000
"""Kills at random an operation, in the campaign."""

needs_strace = pytest.mark.skipif(not HAS_STRACE, reason="strace is not installed (apt, dnf)")


class Place:
    """A filled store, made again for each try."""

    def __init__(self, folder: Path, name: str, tally: Tally) -> None:
        self._template, self.root = folder / "template" / "store", folder / "in" / "store"
        fill(ArtifactStore(self._template))
        self.root.parent.mkdir()
        self._operation, self._tally = OPERATIONS[name], tally

    def fresh(self) -> Callable[[], object]:
        """What a process is to do, with everything as it was before."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self._template, self.root)
        store = ArtifactStore(self.root)
        return lambda: self._operation.act(store)

    def check(self, *, returned: bool, where: str) -> None:
        """Judge what is left."""
        faults = list(judge(ArtifactStore(self.root), self._operation, returned=returned))
        faults += ["leaked outside"] * bool(outside(self.root))
        self._tally.add("kills", faults)
        assert not faults, f"{faults} after a kill at {where}"


@pytest.mark.parametrize("name", ["next save", "register"])
def test_a_kill_at_random_harms_nothing(name: str, tally: Tally, quick_path: Path) -> None:
    """A slice of the campaign."""
    kill_at_random(Place(quick_path, name, tally), 15)


@needs_strace
@pytest.mark.parametrize("name", ["next save", "alias"])
def test_a_kill_at_a_system_call_harms_nothing(name: str, tally: Tally, quick_path: Path) -> None:
    """A slice of the campaign."""
    kill_at_system_calls(Place(quick_path, name, tally), quick_path, every=9)


@pytest.mark.long
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_thousand_kills_at_random_harm_nothing(name: str, tally: Tally, quick_path: Path) -> None:
    """Any moment, of each operation."""
    kill_at_random(Place(quick_path, name, tally), RANDOM)


@pytest.mark.long
@needs_strace
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_kill_at_every_system_call_harms_nothing(
    name: str, tally: Tally, quick_path: Path
) -> None:
    """Each call that may change a file, of the real process."""
    kill_at_system_calls(Place(quick_path, name, tally), quick_path, every=1)


def kill_at_random(place: Place, count: int) -> None:
    random = np.random.default_rng(23)
    for seconds in random.uniform(0, 0.006, count):
        done = killed_after(place.fresh(), seconds)
        place.check(returned=done, where=f"{seconds * 1e3:.2f} ms")


def kill_at_system_calls(place: Place, folder: Path, *, every: int) -> None:
    calls = system_calls(place.fresh(), folder)
    moments = [(name, n) for name, count in calls.items() for n in range(1, count + 1)]
    assert len(moments) > 20
    killed = 0
    for name, number in moments[::every]:
        done = killed_at(place.fresh(), name, number)
        killed += not done
        place.check(returned=done, where=f"{name} {number}")
    assert killed > len(moments[::every]) / 2, "the kills did not hit"
