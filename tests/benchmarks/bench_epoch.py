"""What an epoch costs beside its batches when Prefect orchestrates it, with its checkpoint.

Run it with `python -m tests.benchmarks.bench_epoch`. The flow `train` takes turns with an empty
flow: two tasks with persisted results and, where the checkpoint is waited for, a raw durable write
of as many bytes. Each turn is a flow run of its own; its figure is the median of its epochs, the
first ones left out. The grouped row takes the whole epoch, beside the plain engine's.
"""

from __future__ import annotations

import logging
import shutil
import statistics
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tests.benchmarks.harness import Aim, Row, in_turn, main
from tests.benchmarks.served import Clock, config_of, empty_flow, own_server
from training.config.load import parse_config
from training.data import DataManager
from training.engine import TrainingEngine
from training.run import TrainingRun

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EPOCHS, WARM = 30, 5
SMALL, LARGE = (270, 270), (880, 880)
"""Hidden units: with the optimizer's memory a state of about 1 MB, and of 10 MB."""


def train(folder: Path, config: dict[str, Any], rows: int, *, in_flow: bool = True) -> Clock:
    """A whole training in a storage of its own; how its epochs went."""
    from flows.train import PREPARED, deliver
    from flows.train import train as flow

    clock, parsed, storage = Clock(), parse_config(config), folder / "storage"
    manager = DataManager(parsed.data, frame=_frame(rows))
    run = TrainingRun(parsed, storage, manager=manager, callbacks=[clock])
    if in_flow:
        token = PREPARED.set(run)
        flow(parsed, storage=str(storage))
        PREPARED.reset(token)
        deliver()
    else:
        TrainingEngine().finish(run)
    shutil.rmtree(storage)
    return clock


def _frame(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(rows, 32)), columns=[f"x{i}" for i in range(32)])
    return frame.assign(y=frame.sum(axis=1) + random.normal(size=rows))


def beside_batches(folder: Path, config: dict[str, Any], rows: int) -> float:
    """The median epoch, less its batches."""
    return statistics.median(train(folder, config, rows).beside_batches()[WARM:])


def bare(folder: Path, size: int | None) -> float:
    """The median of two empty tasks, and a raw durable write where there is a size."""
    data = None if size is None else np.random.default_rng(0).bytes(size)
    return statistics.median(empty_flow(folder, EPOCHS, data)[WARM:])


def whole(folder: Path, *, in_flow: bool) -> float:
    """Seconds of an epoch of 320 batches, with all that it brings with it."""
    config = config_of((64,), 101, execution={"epochs_per_task": 50})
    began = train(folder, config, 10_240, in_flow=in_flow).began
    return (began[-1] - began[0]) / (len(began) - 1)


def state_bytes(hidden: tuple[int, int]) -> int:
    """Weights, and twice as much of the optimizer's memory, in single precision."""
    widths = (32, *hidden, 1)
    return 3 * 4 * sum(a * b + b for a, b in pairwise(widths))


def rows() -> Iterator[Row]:
    """Three."""
    logging.getLogger("training").setLevel(logging.WARNING)
    with own_server() as folder:
        size = state_bytes(SMALL)
        yield Row(
            f"an epoch less its batches, orchestrated, checkpoint of {size / 1e6:.1f} MB",
            "two empty tasks + raw durable write",
            Aim("times", 1.6, "ms", 1e-3),
            in_turn(
                partial(bare, folder, size),
                partial(beside_batches, folder, config_of(SMALL, EPOCHS), 32),
            ),
            rounds=5,
        )
        size = state_bytes(LARGE)
        overlapped = config_of(LARGE, EPOCHS, checkpoints={"overlap": True})
        yield Row(
            f"the same with overlapped saving, checkpoint of {size / 1e6:.0f} MB",
            "two empty tasks",
            Aim("times", 1.2, "ms", 1e-3),
            in_turn(partial(bare, folder, None), partial(beside_batches, folder, overlapped, 640)),
            rounds=5,
        )
        yield Row(
            "an epoch in a task of 50, checkpoint each epoch",
            "the plain engine's epoch",
            Aim("times", 1.2, "ms", 1e-3),
            in_turn(partial(whole, folder, in_flow=False), partial(whole, folder, in_flow=True)),
            rounds=5,
        )


if __name__ == "__main__":
    main(rows)
