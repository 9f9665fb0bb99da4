"""Trainings in real processes, through the engine or the flow, which may be killed anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.artifacts import ArtifactStore
from training.checkpoints import CheckpointManager
from training.run import RunRecord, run_ids

if TYPE_CHECKING:
    from collections.abc import Iterator


class Trainings:
    """A process that trains in children of its own, which may be killed (see crashing.py)."""

    def __init__(self, via: str, folder: Path, modules: tuple[str, ...] = ()) -> None:
        self._via, self._folder, self._count = via, folder, 0
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        if via == "engine":
            environment.pop("PREFECT_API_URL", None)
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("crashing.py")), *modules],
            cwd=Path(__file__).parents[2],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def folder(self) -> Path:
        """A storage of its own."""
        self._count += 1
        return self._folder / str(self._count)

    def run(
        self, config: dict[str, Any], storage: Path, killed_in: int | None = None
    ) -> dict[str, Any]:
        """Train; or be killed by SIGKILL in the middle of the n-th batch of this attempt."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        fault = None if killed_in is None else {"at": "step", "when": "before", "nth": killed_in}
        if fault is not None:
            fault["how"] = "kill"
        job = {
            "via": self._via,
            "config": config,
            "storage": str(storage),
            "fault": fault,
            "seconds": None,
        }
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert answer["error"] is None, answer["error"]
        assert (answer["signal"] != 0) == (killed_in is not None)
        return answer


@contextmanager
def trainings(via: str, folder: Path, *modules: str) -> Iterator[Trainings]:
    """Trainings of one kind; the modules are imported once, before all of them.

    Args:
        via: `engine`, or `flow`.
        folder: where storages are.
        modules: what the models need.
    """
    started = Trainings(via, folder, modules)
    with started.process:
        yield started
        assert started.process.stdin is not None
        started.process.stdin.close()


def checkpoints_in(storage: Path) -> CheckpointManager:
    """Of the only run there."""
    store = ArtifactStore(storage)
    (run_id,) = run_ids(store)
    return CheckpointManager(store, f"{RunRecord(store, run_id).folder}/checkpoints")


def newest_in(storage: Path) -> tuple[int, int]:
    """Epoch and batch of the newest checkpoint of the only run there."""
    found = checkpoints_in(storage).newest()
    assert found is not None
    return found[0].epoch, found[0].batch
