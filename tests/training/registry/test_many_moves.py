"""Eight processes move one alias: every move that was said to be made is in the history, once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from training.artifacts import ArtifactStore
from training.registry import ModelRegistry

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, MOVES = 8, 12

MOVER = f"""
import sys
from training.artifacts import ArtifactStore
from training.errors import ConflictError
from training.registry import ModelRegistry
registry, me, made = ModelRegistry(ArtifactStore(sys.argv[1])), sys.argv[2], 0
while made < {MOVES}:
    now = registry.alias("m", "champion")
    try:
        registry.set_alias("m", "champion", 3 - (now or 1), expect=now, who=me, why=f"{{now}}")
    except ConflictError:
        continue
    made += 1
"""


def test_no_move_is_lost_or_made_twice(tmp_path: Path) -> None:
    """A move that succeeded replaced exactly what its maker had seen."""
    registry = ModelRegistry(ArtifactStore(tmp_path))
    for run in ("a", "b"):
        registry.save_model("m", {"w": np.full(2, ord(run))}, {}, {"run_id": run, "metrics": {}})
    command = [sys.executable, "-c", MOVER, str(tmp_path)]
    movers = [subprocess.Popen([*command, f"p{number}"]) for number in range(PROCESSES)]
    assert [mover.wait(120) for mover in movers] == [0] * PROCESSES
    moves = registry.alias_history("m", "champion")[::-1]
    assert [move.number for move in moves] == list(range(1, PROCESSES * MOVES + 1))
    assert {who: [move.who for move in moves].count(who) for who in {m.who for m in moves}} == {
        f"p{number}": MOVES for number in range(PROCESSES)
    }
    before = [None, *(move.to for move in moves)]
    assert [move.why for move in moves] == [str(value) for value in before[:-1]]
