"""The registry with 10,000 versions of one model, beside MLflow's on SQLite.

Run as `python tests/benchmarks/bench_registry.py [FOLDER]`. MLflow is asked in a process of its
own, since its dependencies are many: it is looked for in this environment, then in the one whose
Python MLFLOW_PYTHON names (`python -m venv mlflow && mlflow/bin/pip install mlflow`); without it
our column stands alone. Both are filled without waiting for the disk and measured with everything
on; shown are medians in milliseconds, in one run on the same disk.

Limits (ours to MLflow's): list 0.05, set an alias 0.1, register a committed version 0.3, a whole
registration of 1 MB 1.0. A look-up of one version must not depend on how many there are.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from training.artifacts import ArtifactStore, fs
from training.registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSIONS, ROUNDS = 10_000, 30
LIMITS = {
    "list": 0.05,
    "set an alias": 0.1,
    "register what is committed": 0.3,
    "register, 1 MB": 1.0,
}

MLFLOW = """
import json, os, sqlite3, statistics, sys, tempfile
from time import perf_counter
import logging; logging.disable(logging.CRITICAL)
import mlflow
from mlflow import MlflowClient
folder, versions, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
url = f"sqlite:///{folder}/mlflow.db"
mlflow.set_tracking_uri(url)
client = MlflowClient(url, url)
client.create_registered_model("m")
experiment = client.create_experiment("e", artifact_location=folder + "/artifacts")
run = client.create_run(experiment).info.run_id
client.create_model_version("m", folder, run_id=run)
base = sqlite3.connect(folder + "/mlflow.db")
names = [row[1] for row in base.execute("PRAGMA table_info(model_versions)")]
row = dict(zip(names, base.execute("SELECT * FROM model_versions").fetchone()))
rows = [tuple((row | {"version": n}).values()) for n in range(2, versions + 1)]
base.executemany(f"INSERT INTO model_versions VALUES ({','.join('?' * len(names))})", rows)
base.commit(); base.close()

def everything():
    found, token = [], None
    while True:
        page = client.search_model_versions("name='m'", max_results=10000, page_token=token)
        found += page
        token = page.token
        if not token:
            return found

def milliseconds(call, times=rounds):
    taken = []
    for _ in range(times):
        begin = perf_counter(); call(); taken.append(1e3 * (perf_counter() - begin))
    return statistics.median(taken)

weights = folder + "/weights.bin"
open(weights, "wb").write(os.urandom(1_000_000))

def whole():
    run = client.create_run(experiment).info.run_id
    client.log_artifact(run, weights)
    client.create_model_version("m", folder, run_id=run)

assert len(everything()) == versions
print(json.dumps({
    "list": milliseconds(everything, 5),
    "set an alias": milliseconds(lambda: client.set_registered_model_alias("m", "champion", "7")),
    "get one version": milliseconds(lambda: client.get_model_version("m", "7")),
    "get by alias": milliseconds(lambda: client.get_model_version_by_alias("m", "champion")),
    "register what is committed": milliseconds(
        lambda: client.create_model_version("m", folder, run_id=run)
    ),
    "register, 1 MB": milliseconds(whole),
}))
"""


def _no_sync(file: int) -> None:
    """While a store is filled, nobody waits for the disk."""


def milliseconds(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of what a call takes."""
    taken = []
    for _ in range(rounds):
        begin = perf_counter()
        call()
        taken.append(1e3 * (perf_counter() - begin))
    return statistics.median(taken)


def fill(registry: ModelRegistry, versions: int) -> None:
    """Register that many, without waiting for the disk."""
    sync, fs.sync = fs.sync, _no_sync
    try:
        for number in range(versions):
            register(registry, number, 2)
    finally:
        fs.sync = sync
    os.sync()  # or what is measured next would wait for all of it


def register(registry: ModelRegistry, number: int, size: int) -> None:
    """One version, of so many numbers."""
    weights: Any = {"w": np.full(size, float(number), np.float32)}
    registry.save_model("m", weights, {}, {"run_id": f"r{number}", "metrics": {"loss": 0.5}})


def claim(registry: ModelRegistry, numbers: Iterator[int]) -> float:
    """What it takes to register files that are committed; the commit is not counted."""
    taken = []
    for number in islice(numbers, ROUNDS):
        card = {"run_id": f"r{number}", "metrics": {"loss": 0.5}}
        files = registry.commit_files("m", {"w": np.full(2, float(number))}, {}, card)
        taken.append(milliseconds(partial(registry.claim, files), 1))
    return statistics.median(taken)


def ours(folder: Path, versions: int) -> dict[str, float]:
    """What our registry takes with that many versions."""
    registry = ModelRegistry(ArtifactStore(folder / f"store-{versions}"))
    fill(registry, versions)
    registry.set_alias("m", "champion", 7, expect=None)
    numbers = count(versions)
    time.sleep(1.5)  # until the folder counts as settled
    begin = perf_counter()
    assert len(registry.list("m")) == versions
    first = 1e3 * (perf_counter() - begin)
    return {
        "list": milliseconds(lambda: registry.list("m"), 5),
        "set an alias": milliseconds(lambda: registry.set_alias("m", "champion", 7, expect=7)),
        "get one version": milliseconds(lambda: registry.get("m:7")),
        "get by alias": milliseconds(lambda: registry.get("m@champion")),
        "register what is committed": claim(registry, numbers),
        "register, tiny": milliseconds(lambda: register(registry, next(numbers), 2)),
        "register, 1 MB": milliseconds(lambda: register(registry, next(numbers), 250_000)),
        "list, the first time": first,
    }


def mlflow(folder: Path) -> dict[str, float]:
    """The same of MLflow; nothing where it is not installed."""
    python = sys.executable if find_spec("mlflow") else os.environ.get("MLFLOW_PYTHON")
    if python is None:
        return {}
    command = [python, "-c", MLFLOW, str(folder), str(VERSIONS), str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(folder: Path) -> None:
    """Print the table."""
    os.environ["RETRAIN_CACHE"] = str(folder / "cache")
    few, many, theirs = ours(folder, 100), ours(folder, VERSIONS), mlflow(folder)
    print(f"{'ms':28}{'100':>10}{f'{VERSIONS:,}':>10}{'MLflow':>10}{'ratio':>8}{'limit':>8}")
    for name, value in many.items():
        cells = f"{name:28}{few[name]:10.2f}{value:10.2f}"
        if name in theirs:
            cells += f"{theirs[name]:10.2f}{value / theirs[name]:8.3f}"
        print(f"{cells}{LIMITS.get(name, ''):>8}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as here:
        main(Path(here))
