"""What the engine costs above the bare loop: a perceptron 32-64-1, batch 32, Adam, float32, NumPy.

Run it with `python -m tests.benchmarks.bench_engine`. Both loops train the same model class on the
same arrays, an epoch each in turn. The engine has its default callbacks, and its epoch includes all
that it does between the last batch and a state that could be saved.
"""

from __future__ import annotations

import logging
import tempfile
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tests.benchmarks.harness import Aim, Row, in_turn, main
from training.config import DataConfig, MlpConfig, RunConfig, TrainingConfig
from training.data import DataManager, epoch_batches
from training.engine import TrainingEngine
from training.models import ModelFactory
from training.run import TrainingRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.run import Session

ROWS, FEATURES, BATCH, ROUNDS = 64_000, 32, 32, 40
MODEL = MlpConfig(hidden=(64,))
TRAINING = TrainingConfig(epochs=10_000, batch_size=BATCH)


def data(rows: int) -> DataManager:
    """A table of numbers, all of it to train on."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        random.normal(size=(rows, FEATURES)), columns=[f"x{i}" for i in range(FEATURES)]
    )
    frame["y"] = frame.sum(axis=1) + random.normal(size=rows)
    config: dict[str, Any] = {
        "source": {"type": "dataframe"},
        "features": [{"type": "columns"}],
        "target": {"type": "column", "column": "y"},
        "split": {"validation": 0.0, "test": 0.0},
    }
    return DataManager(DataConfig.model_validate(config), frame=frame)


def session(manager: DataManager, folder: str) -> Session:
    """With the default callbacks, at its beginning."""
    run = TrainingRun(RunConfig(model=MODEL, training=TRAINING), folder, manager=manager)
    run.load_data()
    with run.held():
        return run.create_model()


class Epoch:
    """One epoch of 2,000 batches, always from the same weights; seconds a batch.

    Steps can take longer when weights have become very small, so both sides take the same ones.
    """

    def __init__(self, session: Session) -> None:
        """Remember where both begin."""
        self.session = session
        self.model = ModelFactory().get_model(MODEL, session.spec, TRAINING)
        self.start = self.model.state_dict()
        self.engine = TrainingEngine()

    def bare(self) -> float:
        """The loop that anyone would write: the step, and the mean of the loss."""
        model, session = self.model, self.session
        model.load_state_dict(self.start)
        total, rows, epoch = 0.0, 0, session.state.epoch
        started = perf_counter()
        for batch in epoch_batches(session.data.train, batch_size=BATCH, seed=0, epoch=epoch):
            total += model.train_on_batch(batch)["loss"] * len(batch.x)
            rows += len(batch.x)
        return (perf_counter() - started) / session.batches

    def ours(self) -> float:
        """Through the engine."""
        self.session.model.load_state_dict(self.start)
        started = perf_counter()
        self.engine.train_epoch(self.session)
        return (perf_counter() - started) / self.session.batches


def rows() -> Iterator[Row]:
    """One."""
    logging.getLogger("training").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        epoch = Epoch(session(data(ROWS), folder))
        yield Row(
            "a batch, NumPy, default callbacks",
            "bare loop of the same model",
            Aim("above", 2.0, "µs", 1e-6),
            in_turn(epoch.bare, epoch.ours),
            ROUNDS,
        )


if __name__ == "__main__":
    main(rows)
