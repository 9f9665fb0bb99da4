"""What the engine costs above the bare loop: a perceptron 32-64-1, batch 32, Adam, float32.

Run it with `python tests/benchmarks/bench_engine.py`. Each round times the bare loop and the engine
one after the other in the same process, on the same arrays and the same model class, so that noise
of the machine meets both; the figures are medians over the rounds, with their quartiles.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import tracemalloc
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.callbacks import CallbackList
from training.config import DataConfig, MlpConfig, RunConfig, TrainingConfig
from training.data import DataManager, epoch_batches
from training.engine import TrainingEngine
from training.models import ModelFactory
from training.run import TrainingRun

if TYPE_CHECKING:
    from training.run import Session

ROWS, FEATURES, BATCH, ROUNDS = 64_000, 32, 32, 15
TRAINING = TrainingConfig(epochs=10_000, batch_size=BATCH)


def _data(rows: int) -> DataManager:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        random.normal(size=(rows, FEATURES)), columns=[f"x{i}" for i in range(FEATURES)]
    )
    frame["y"] = frame.sum(axis=1)
    config: dict[str, Any] = {
        "source": {"type": "dataframe"},
        "features": [{"type": "columns"}],
        "target": {"type": "column", "column": "y"},
        "split": {"validation": 0.0, "test": 0.0},
    }
    return DataManager(DataConfig.model_validate(config), frame=frame)


def _session(manager: DataManager, folder: str, callbacks: CallbackList | tuple[()]) -> Session:
    config = RunConfig(model=MlpConfig(hidden=(64,)), training=TRAINING)
    run = TrainingRun(config, folder, manager=manager, callbacks=callbacks)
    run.load_data()
    with run.held():
        return run.create_model()


def _bare_epoch(session: Session, epoch: int) -> float:
    """The loop that anyone would write: the step, and the mean of the loss."""
    model = ModelFactory().get_model(MlpConfig(hidden=(64,)), session.spec, TRAINING)
    total, rows = 0.0, 0
    started = perf_counter()
    for batch in epoch_batches(session.data.train, batch_size=BATCH, seed=0, epoch=epoch):
        total += model.train_on_batch(batch)["loss"] * len(batch.x)
        rows += len(batch.x)
    return perf_counter() - started


def _engine_epoch(engine: TrainingEngine, session: Session) -> float:
    started = perf_counter()
    engine.train_epoch(session)
    return perf_counter() - started


def _spread(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:8.2f}  ({low:.2f} to {high:.2f})"


def main() -> None:
    """Print the table."""
    logging.getLogger("training").setLevel(logging.WARNING)
    manager, engine = _data(ROWS), TrainingEngine()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        none = _session(manager, one, CallbackList([]))
        default = _session(manager, two, ())
        batches = none.batches
        rows: dict[str, list[float]] = {"bare": [], "no callbacks": [], "default callbacks": []}
        for number in range(ROUNDS + 2):
            bare = _bare_epoch(none, number)
            times = (bare, _engine_epoch(engine, none), _engine_epoch(engine, default))
            if number >= 2:  # the first rounds warm caches up
                for name, seconds in zip(rows, times, strict=True):
                    rows[name].append(1e6 * seconds / batches)
        print(f"perceptron {FEATURES}-64-1, batch {BATCH}, {batches} batches an epoch")
        print(f"{'loop':<20}{'µs a batch (quartiles)':<30}above bare, µs (quartiles)")
        for name, values in rows.items():
            above = [value - bare for value, bare in zip(values, rows["bare"], strict=True)]
            print(f"{name:<20}{_spread(values):<30}{_spread(above)}")
        _print_memory(engine, default)
    with tempfile.TemporaryDirectory() as three:
        _print_epochs(engine, _session(_data(BATCH), three, ()))


def _print_epochs(engine: TrainingEngine, session: Session) -> None:
    """What an epoch costs beside its batches: epochs of one batch."""
    staged, committed = [], []
    for _ in range(10 * ROUNDS):
        started = perf_counter()
        ref = engine.train_epoch(session)
        middle = perf_counter()
        session.commit(ref)
        staged.append(1e3 * (middle - started))
        committed.append(1e3 * (perf_counter() - middle))
    print(f"an epoch of one batch, ms: training and staging {_spread(staged)}")
    print(f"its durable checkpoint, ms: {_spread(committed)}")


def _print_memory(engine: TrainingEngine, session: Session) -> None:
    """Memory that Python holds after 10 and after 40 more epochs."""
    tracemalloc.start()
    held = []
    for count in (10, 40):
        for _ in range(count):
            session.commit(engine.train_epoch(session))
        held.append(tracemalloc.get_traced_memory()[0] / 1e6)
    tracemalloc.stop()
    print(f"memory after 10 and 50 epochs: {held[0]:.2f} MB, {held[1]:.2f} MB")


if __name__ == "__main__":
    main()
