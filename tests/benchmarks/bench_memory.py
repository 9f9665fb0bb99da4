"""The most memory that the quick start takes, beside an empty flow that has the same data.

Run it with `python -m tests.benchmarks.bench_memory`. Both are processes that work with the same
running server; the kernel says how much each had resident at most.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.harness import Aim, Row, in_turn, main
from tests.benchmarks.served import own_server

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "quickstart.yaml"
RETRAIN = str(Path(sys.executable).with_name("retrain"))
EMPTY = f"""
import pandas, pyarrow
from prefect import flow, task
from training.config import load
from training.data import DataManager

config = load.load_config({str(CONFIG)!r})

@task
def nothing():
    return 1

@flow
def empty(table):
    nothing()

data = DataManager(config.data).get_data()
empty(1)
"""


def peak(folder: Path, *command: str) -> float:
    """Bytes that a process had resident at most; it must succeed."""
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        os.execv(command[0], command)  # noqa: S606 - the child becomes the command
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def quickstart(folder: Path) -> float:
    """Of a training that begins and ends."""
    return peak(folder, RETRAIN, "run", str(CONFIG), "--resume", "never")


def rows() -> Iterator[Row]:
    """One."""
    with own_server() as folder:
        (folder / "empty.py").write_text(EMPTY)
        yield Row(
            "peak memory of the quick start",
            "an empty Prefect flow, pandas, pyarrow, the data",
            Aim("above", 40.0, "MB", 1e6),
            in_turn(partial(peak, folder, sys.executable, "empty.py"), partial(quickstart, folder)),
            rounds=3,
        )


if __name__ == "__main__":
    main(rows)
