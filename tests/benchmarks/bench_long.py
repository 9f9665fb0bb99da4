"""Ten thousand epochs of one batch in one flow run, a hundred to a task: does an epoch stay cheap?

Run it with `python -m tests.benchmarks.bench_long`. One run gives three rows: what the last epochs
cost beside the first, how much memory grew between them, how many files are there at the end. The
noise is what the first hundred cost beside the second hundred, warmed up by fifty before them.
"""

from __future__ import annotations

import logging
import os
import statistics
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.harness import Aim, Row, Turn, main
from tests.benchmarks.served import Clock, config_of, own_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.callbacks import EpochRecord

EPOCHS, PER_TASK, HUNDRED, WARM = 10_000, 100, 100, 50
FILES = EPOCHS / 64 + 2 * EPOCHS / PER_TASK + 50
"""A block of the history each 64 epochs, two results a task, and what every run has."""


class Resident(Clock):
    """And how much memory the process has at each hundredth epoch, in bytes."""

    def __init__(self) -> None:
        """Nothing yet."""
        super().__init__()
        self.memory: list[float] = []

    def on_epoch_begin(self, record: EpochRecord) -> None:
        """Look."""
        super().on_epoch_begin(record)
        if record.epoch % HUNDRED == 0:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            self.memory.append(pages * os.sysconf("SC_PAGE_SIZE"))


@cache
def long_run(folder: Path) -> tuple[Resident, int]:
    """How it went, and the files at its end."""
    import numpy as np
    import pandas as pd

    from flows.train import PREPARED
    from flows.train import train as flow
    from training.config.load import parse_config
    from training.data import DataManager
    from training.run import TrainingRun

    sections = config_of((8,), EPOCHS, execution={"epochs_per_task": PER_TASK})
    config, clock = parse_config(sections), Resident()
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(32, 4)), columns=list("abcy"))
    manager = DataManager(config.data, frame=frame)
    run = TrainingRun(config, folder / "storage", manager=manager, callbacks=[clock])
    token = PREPARED.set(run)
    flow(config, storage=str(folder / "storage"))
    PREPARED.reset(token)
    return clock, sum(path.is_file() for path in (folder / "storage").rglob("*"))


def _epochs(folder: Path, first: int) -> float:
    began = long_run(folder)[0].began[first : first + HUNDRED]
    return statistics.median(b - a for a, b in pairwise(began))


def times(folder: Path, _rounds: int) -> Iterator[Turn]:
    """The first hundred, the last hundred, the second hundred."""
    yield _epochs(folder, WARM), _epochs(folder, EPOCHS - HUNDRED), _epochs(folder, WARM + HUNDRED)


def memory(folder: Path, _rounds: int) -> Iterator[Turn]:
    """After 200 epochs, at the end, after 300."""
    resident = long_run(folder)[0].memory
    yield resident[1], resident[-1], resident[2]


def files(folder: Path, _rounds: int) -> Iterator[Turn]:
    """What is said, and what is there."""
    yield FILES, float(long_run(folder)[1]), FILES


def rows() -> Iterator[Row]:
    """Three."""
    logging.getLogger("training").setLevel(logging.ERROR)
    with own_server() as folder:
        what = f"{EPOCHS} epochs of 1 batch, {PER_TASK} a task"
        yield Row(
            f"{what}: the last {HUNDRED}", f"the first {HUNDRED}", Aim("times", 1.1, "ms", 1e-3),
            lambda rounds: times(folder, rounds), warm=0,
        )  # fmt: skip
        yield Row(
            f"{what}: memory at the end", "after 200", Aim("above", 20.0, "MB", 1e6),
            lambda rounds: memory(folder, rounds), warm=0,
        )  # fmt: skip
        yield Row(
            f"{what}: files at the end", "epochs/64 + 2 a task + 50", Aim("times", 1.0, "files"),
            lambda rounds: files(folder, rounds), warm=0,
        )  # fmt: skip


if __name__ == "__main__":
    main(rows)
