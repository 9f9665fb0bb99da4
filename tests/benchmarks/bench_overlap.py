"""How long the training stands still for a checkpoint that is saved while it goes on.

Run it with `python -m tests.benchmarks.bench_overlap`. The pause is from the end of an epoch to the
begin of the next, in plain Python with `checkpoints.overlap`; its limit is one copy of the arrays
of the state into memory that is there already. A last row says what overlapping gains: whole
epochs with it, beside those without.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.bench_epoch import state_bytes, train
from tests.benchmarks.harness import Aim, Row, in_turn, main
from tests.benchmarks.served import config_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = {(880, 880): 640, (2860, 2860): 320}
"""Hidden units (a state of 10 MB, of 100 MB), and rows an epoch: longer than a save takes."""
EPOCHS, WARM = 8, 2


def copy_of(size: int) -> Callable[[], float]:
    """One copy of so many bytes, into memory that was written before; the median of a few."""
    state = [np.ones(size // 12, np.float32) for _ in range(3)]
    buffers = [np.ones_like(array) for array in state]

    def copy() -> float:
        seconds = []
        for _ in range(5):
            began = perf_counter()
            for array, buffer in zip(state, buffers, strict=True):
                np.copyto(buffer, array)
            seconds.append(perf_counter() - began)
        return statistics.median(seconds)

    return copy


def config(hidden: tuple[int, int], *, overlap: bool) -> dict[str, Any]:
    """Of a training with a checkpoint each epoch."""
    return config_of(hidden, EPOCHS, checkpoints={"overlap": overlap})


def pause(folder: Path, hidden: tuple[int, int], rows: int) -> float:
    """The median of a training's pauses."""
    clock = train(folder, config(hidden, overlap=True), rows, in_flow=False)
    return statistics.median(clock.pauses()[WARM:])


def epoch(folder: Path, hidden: tuple[int, int], rows: int, *, overlap: bool) -> float:
    """The median of a training's whole epochs."""
    began = train(folder, config(hidden, overlap=overlap), rows, in_flow=False).began
    return float(np.median(np.diff(began)[WARM:]))


def rows() -> Iterator[Row]:
    """A pause for each size, and the gain at the largest."""
    logging.getLogger("training").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for hidden, count in SIZES.items():
            size = state_bytes(hidden)
            yield Row(
                f"pause for a checkpoint of {size / 1e6:.0f} MB, saving overlapped",
                "one copy of the state in memory",
                Aim("above", 1.0, "ms", 1e-3),
                in_turn(copy_of(size), partial(pause, folder, hidden, count)),
                rounds=5,
            )
        yield Row(
            f"an epoch with a checkpoint of {size / 1e6:.0f} MB, saving overlapped",
            "saving waited for",
            Aim("times", 1.0, "ms", 1e-3),
            in_turn(
                partial(epoch, folder, hidden, count, overlap=False),
                partial(epoch, folder, hidden, count, overlap=True),
            ),
            rounds=3,
        )


if __name__ == "__main__":
    main(rows)
