"""What saving while the next epoch is trained gains: epochs with a checkpoint each, on and off.

Run it by itself: `python tests/benchmarks/bench_overlap.py`. The two take turns; a row a size of
the checkpoint, whole trainings of a few epochs in plain Python.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from training.config.load import parse_config
from training.engine import TrainingEngine
from training.run import TrainingRun

EPOCHS, ROUNDS = 6, 5
HIDDEN = {"0.1 MB": [64, 64], "12 MB": [980, 980], "50 MB": [2020, 2020]}


def seconds(folder: Path, hidden: list[int], *, overlap: bool) -> float:
    """An epoch of a whole training, with its checkpoint."""
    config = parse_config(
        {
            "data": {"source": {"type": "sample", "end": "2002-01-01"}},
            "model": {"type": "mlp", "hidden": hidden},
            "training": {"epochs": EPOCHS, "batch_size": 64, "optimizer": {"type": "adam"}},
            "checkpoints": {"overlap": overlap},
        }
    )
    run = TrainingRun(config, folder / f"{overlap}")
    run.load_data()
    run.resume = "never"
    began = perf_counter()
    TrainingEngine().finish(run)
    return (perf_counter() - began) / EPOCHS


def main(folder: Path) -> None:
    """Print the table."""
    print(f"{'checkpoint':12}{'off, ms':>10}{'on, ms':>10}{'on / off':>10}  (lowest, highest)")
    for size, hidden in HIDDEN.items():
        pairs = np.array(
            [
                [seconds(folder, hidden, overlap=overlap) for overlap in (False, True)]
                for _ in range(ROUNDS + 1)
            ][1:]
        )
        off, on = np.median(pairs, axis=0) * 1e3
        ratios = pairs[:, 1] / pairs[:, 0]
        spread = f"({ratios.min():.2f}, {ratios.max():.2f})"
        print(f"{size:12}{off:10.1f}{on:10.1f}{np.median(ratios):10.2f}  {spread}")


if __name__ == "__main__":
    logging.getLogger("training").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(dir=".") as here:
        main(Path(here))
