"""Nights: small trainings in processes that can be killed, and what an undisturbed one leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.artifacts import ArtifactStore
from training.artifacts import digest as digest_of
from training.checkpoints import CheckpointManager
from training.registry import ModelRegistry
from training.run import RunRecord, run_ids, stored_history

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.state import CheckpointRef

NAME = "nightly"
BATCHES = 6
HIDDEN = (".stage", ".trash", ".locks", ".quarantine")

# All go through shuffling, moments of an optimizer and early stopping that brings the best weights
# back; `adam` is ended by it before its time, the others are not. Two have a schedule besides.
MODELS: dict[str, dict[str, Any]] = {
    "adam": {
        "training": {
            "epochs": 9,
            "optimizer": {"type": "adam", "learning_rate": 0.3},
            "schedule": {"type": "cosine", "warmup_steps": 4},
        },
        "callbacks": [{"type": "early_stopping", "patience": 2}],
    },
    "momentum": {
        "training": {
            "epochs": 5,
            "optimizer": {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9},
            "schedule": {"type": "step", "every_n_epochs": 2, "gamma": 0.5},
            "clip_norm": 1.0,
        },
        "callbacks": [{"type": "early_stopping", "patience": 4}],
    },
}
if find_spec("sklearn") is not None:
    MODELS["estimator"] = {
        "model": {
            "type": "sklearn",
            "estimator": {
                "type": "MLPRegressor",
                "hidden_layer_sizes": [4],
                "learning_rate_init": 0.6,
            },
            "steps": ["StandardScaler"],
        },
        "training": {"epochs": 6},
        "callbacks": [{"type": "early_stopping", "patience": 6}],
    }
CHECKPOINTS: dict[str, dict[str, Any]] = {
    "between": {},
    "inside": {"every_n_batches": 2},
    "overlap": {"overlap": True},
}
STEPS_BETWEEN = {"between": BATCHES, "inside": 2, "overlap": BATCHES}
"""Steps from one checkpoint to the next: the most that may have to be done again, and with saves
that overlap with training twice as many."""


@dataclass
class Zygote:
    """The process that forks a child for each training."""

    process: subprocess.Popen[str]
    via: str

    def train(
        self,
        config: dict[str, Any],
        storage: Path,
        fault: dict[str, Any] | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Train in a child; how it ended, its steps and its calls to the file system."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        job = {
            "via": self.via,
            "config": config,
            "storage": str(storage),
            "fault": fault,
            "seconds": seconds,
        }
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def zygote_of(via: str) -> Iterator[Zygote]:
    """One thread in the libraries, so that the process that forks has no other."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if via == "engine":
        environment.pop("PREFECT_API_URL", None)
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crashing.py"))],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield Zygote(process, via)
        assert process.stdin is not None
        process.stdin.close()


@dataclass
class Undisturbed:
    """A run that nobody killed."""

    config: dict[str, Any]
    facts: dict[str, Any]
    steps: int
    operations: int
    seconds: float


class Nights:
    """Undisturbed runs, each trained once, when it is first asked for."""

    def __init__(self, engine: Zygote, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self._known: dict[tuple[str, str], Undisturbed] = {}
        _table().to_csv(folder / "table.csv", index=False)

    def __call__(self, model: str, checkpoints: str) -> Undisturbed:
        if (model, checkpoints) not in self._known:
            config = self._config(model, checkpoints)
            storage = self._folder / f"{model}-{checkpoints}"
            began = time.monotonic()
            ended = self._engine.train(config, storage)
            seconds = time.monotonic() - began
            assert ended["error"] is None, ended["error"]
            self._known[model, checkpoints] = Undisturbed(
                config, facts(storage), ended["steps"], ended["operations"], seconds
            )
        return self._known[model, checkpoints]

    def _config(self, model: str, checkpoints: str) -> dict[str, Any]:
        chosen = deepcopy(MODELS[model])
        chosen["training"] |= {"batch_size": 8, "seed": 3}
        return {
            "name": NAME,
            "data": {
                "source": {"type": "csv", "path": str(self._folder / "table.csv")},
                "features": [{"type": "columns", "columns": ["a", "b", "c"]}],
                "target": {"type": "column", "column": "y"},
                "min_rows": 2,
            },
            "model": {"type": "mlp", "hidden": [4]},
            "checkpoints": CHECKPOINTS[checkpoints],
            **chosen,
        }


def _table() -> pd.DataFrame:
    generator = np.random.default_rng(5)
    table = pd.DataFrame(generator.normal(size=(64, 3)), columns=list("abc"))
    table["y"] = table["a"] - 2 * table["b"] + generator.normal(size=64)
    table.insert(0, "date", pd.date_range("2024-01-01", periods=64))
    return table


def facts(storage: Path) -> dict[str, Any]:
    """Everything that a run leaves and that no clock decides, each part under its own name."""
    store = ArtifactStore(storage)
    (run_id,) = run_ids(store)
    record = RunRecord(store, run_id)
    checkpoints = _checkpoints(store)
    found = checkpoints.newest()
    assert found is not None
    assert record.outcome is not None
    result = record.outcome["result"]
    registry = ModelRegistry(store)
    version = registry.get(NAME)
    return {
        "weights": digest_of(registry.weights(version)),
        "pipeline": digest_of(registry.pipeline(version)),
        "versions": [store.children(f"models/{NAME}/{part}") for part in ("files", "versions")],
        "card": {key: version.card[key] for key in ("run_id", "epoch", "step", "best_epoch")},
        **{part: digest_of({part: tree}) for part, tree in found[1].items()},
        "early stopping": {
            name: {key: value for key, value in state.items() if key != "weights"}
            for name, state in found[1]["callbacks"].items()
        },
        "rows": stored_history(checkpoints, record),
        "ended": {
            key: result[key]
            for key in ("epochs_completed", "stopped_early", "stop_reason", "best_epoch", "metrics")
        },
        "model": result["model"],
        "kept": store.children(f"{record.folder}/checkpoints"),
    }


def _checkpoints(store: ArtifactStore) -> CheckpointManager:
    (run_id,) = run_ids(store)
    return CheckpointManager(store, f"{RunRecord(store, run_id).folder}/checkpoints")


def newest_in(storage: Path) -> CheckpointRef | None:
    """The newest checkpoint that verifies, where any run has begun."""
    store = ArtifactStore(storage)
    found = _checkpoints(store).newest() if run_ids(store) else None
    return found[0] if found else None


def left_in(storage: Path) -> list[str]:
    """What lies where only work in progress may lie."""
    return [f"{area}/{item.name}" for area in HIDDEN for item in (storage / area).glob("*")]


def kill(at: str, nth: int, when: str = "before", how: str = "kill") -> dict[str, Any]:
    return {"at": at, "nth": nth, "when": when, "how": how}


def after(at: str, nth: int) -> dict[str, Any]:
    return kill(at, nth, "after")


STEP = "step"
