"""Look-ups and lists of artifacts, with 100 and with 10,000 of them.

Run as `python tests/benchmarks/bench_artifacts.py [FOLDER]`. Once as many versions of one artifact,
once as many artifacts of one version. Shown are medians in milliseconds. A look-up of one version
must take as long with 10,000 as with 100; of the newest, the names of all versions are read.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from training.artifacts import ArtifactStore, fs

if TYPE_CHECKING:
    from collections.abc import Callable

FEW, MANY, ROUNDS = 100, 10_000, 30


def milliseconds(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of what a call takes."""
    taken = []
    for _ in range(rounds):
        begin = perf_counter()
        call()
        taken.append(1e3 * (perf_counter() - begin))
    return statistics.median(taken)


def _no_sync(file: int) -> None:
    """While a store is filled, nobody waits for the disk."""


def filled(folder: Path, count: int, names: int) -> ArtifactStore:
    """A store with so many reports under so many names."""
    store = ArtifactStore(folder / f"{count}-{names}")
    sync, fs.sync = fs.sync, _no_sync
    try:
        for number in range(count):
            tags = {"market": "us" if number % 10 else "eu"}
            store.put("reports", f"r{number % names}", {"f": b"x"}, tags=tags)
    finally:
        fs.sync = sync
    time.sleep(1.5)  # until the folders count as settled
    return store


def measured(store: ArtifactStore) -> dict[str, float]:
    """What each call takes."""
    store.list("reports")
    return {
        "get one version": milliseconds(lambda: store.get("reports", "r0", 1)),
        "get the newest": milliseconds(lambda: store.get("reports", "r0")),
        "list all": milliseconds(lambda: store.list("reports"), 5),
        "list by tag": milliseconds(lambda: store.list("reports", tags={"market": "eu"}), 5),
        "put": milliseconds(lambda: store.put("reports", "r0", {"f": b"x"})),
    }


def main(folder: Path) -> None:
    """Print the table."""
    os.environ["RETRAIN_CACHE"] = str(folder / "cache")
    columns = {
        f"{FEW} versions": measured(filled(folder, FEW, 1)),
        f"{MANY:,} versions": measured(filled(folder, MANY, 1)),
        f"{FEW} names": measured(filled(folder, FEW, FEW)),
        f"{MANY:,} names": measured(filled(folder, MANY, MANY)),
    }
    print(f"{'ms':18}" + "".join(f"{title:>18}" for title in columns))
    for name in next(iter(columns.values())):
        print(f"{name:18}" + "".join(f"{column[name]:18.3f}" for column in columns.values()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as here:
        main(Path(here))
