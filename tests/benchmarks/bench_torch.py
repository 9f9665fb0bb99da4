"""What a whole training through `TrainingEngine` costs above a bare PyTorch loop.

Run it with `python tests/benchmarks/bench_torch.py`: a perceptron 32-64-1, batch 32, Adam, float32,
one thread. Each round times the bare loop and `TrainingEngine.train` one after the other, on the
same arrays, from the same seed. Both are fresh trainings of as many epochs; the engine's has its
default callbacks, a durable checkpoint an epoch, evaluation and registration. The bare loop is
what one would write: batches by torch's own indexing, the mean loss of an epoch. Both end with the
same weights, to the bit, or the script fails.

Beside it stand the steps alone, in slices of fifty that take turns: what a batch costs above bare,
without what an epoch and a run cost once.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.artifacts import ArtifactStore
from training.config import DataConfig, TorchConfig, TrainingConfig
from training.data import DataManager, epoch_batches
from training.engine import TrainingEngine
from training.metrics import MetricSums
from training.registry import ModelRegistry
from training.types import ModelSpec

if find_spec("torch") is None:
    print("PyTorch is an extra and not installed: nothing to measure")
    sys.exit(0)

import torch
from torch import nn

from training.models.pytorch import TorchModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.data import Dataset
    from training.types import Array

ROWS, FEATURES, BATCH = 320_000, 32, 32
DATA: dict[str, Any] = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
    "split": {"validation": 0.0, "test": 0.0},
}
MODEL = {"type": "torch", "device": "cpu", "network": {"type": "mlp", "hidden": [64]}}


def _manager() -> DataManager:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        random.normal(size=(ROWS, FEATURES)), columns=[f"x{i}" for i in range(FEATURES)]
    )
    frame["y"] = frame.sum(axis=1)
    return DataManager(DataConfig.model_validate(DATA), frame=frame)


def bare(dataset: Dataset, epochs: int) -> tuple[float, dict[str, Array]]:
    """Seconds, and the weights at the end."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(network.parameters(), 0.001)
    loss_of = nn.MSELoss()
    started = perf_counter()
    x, y = torch.from_numpy(dataset.train.x), torch.from_numpy(dataset.train.y)
    for epoch in range(epochs):
        order = np.random.Generator(np.random.PCG64(np.random.SeedSequence([0, epoch])))
        total = 0.0
        for chosen in torch.from_numpy(order.permutation(len(x))).split(BATCH):
            optimizer.zero_grad()
            loss = loss_of(network(x[chosen]).squeeze(-1), y[chosen])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
    seconds = perf_counter() - started
    return seconds, {name: array.numpy() for name, array in network.state_dict().items()}


def engine(manager: DataManager, epochs: int) -> tuple[float, dict[str, Any]]:
    """Seconds of the whole call, without reading the data; the registered weights."""
    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        result = TrainingEngine(folder).train(
            MODEL, manager, {"epochs": epochs, "batch_size": BATCH}
        )
        seconds = perf_counter() - started
        registry = ModelRegistry(ArtifactStore(Path(folder)))
        return seconds, registry.weights(registry.get(result.model["name"]))


def steps_alone(dataset: Dataset, slices: int = 400) -> tuple[list[float], list[float]]:
    """Microseconds a batch of the bare loop and of model, batches and sums, taking turns."""
    config = TorchConfig.model_validate(MODEL)
    model = TorchModel(config, ModelSpec(FEATURES), TrainingConfig())
    rows = replace(dataset.train, pick=model.rows_on_device(dataset.train.x, dataset.train.y))

    def ours() -> Iterator[None]:
        sums = MetricSums()
        for batch in epoch_batches(rows, batch_size=BATCH, seed=0, epoch=0):
            sums.add(model.train_on_batch(batch), len(batch.x))
            yield

    loops = (_bare_steps(dataset), ours())
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(slices):
        for found, loop in zip(times, loops, strict=True):
            started = perf_counter()
            for _ in range(20):
                next(loop)
            if number > slices // 10:  # the first ones warm caches up
                found.append(1e6 * (perf_counter() - started) / 20)
    return times


def _bare_steps(dataset: Dataset) -> Iterator[None]:
    network = nn.Sequential(nn.Flatten(), nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer, loss_of, total = torch.optim.Adam(network.parameters(), 0.001), nn.MSELoss(), 0.0
    x, y = torch.from_numpy(dataset.train.x), torch.from_numpy(dataset.train.y)
    for chosen in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        loss = loss_of(network(x[chosen]).squeeze(-1), y[chosen])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
        yield


class _Loaded(DataManager):
    """Gives data that were prepared before, since a bare loop has them too."""

    def __init__(self, dataset: Dataset, manager: DataManager) -> None:
        super().__init__(manager.config)
        self._dataset = dataset

    def get_data(self, *_: object, **__: object) -> Dataset:
        return self._dataset


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("training").setLevel(logging.WARNING)
    source = _manager()
    dataset = source.get_data()
    manager = _Loaded(dataset, source)
    batches = arguments.epochs * -(-len(dataset.train.x) // BATCH)
    times: list[tuple[float, float]] = []
    for number in range(arguments.rounds + 1):
        first, expected = bare(dataset, arguments.epochs)
        second, found = engine(manager, arguments.epochs)
        for name, array in expected.items():
            if not np.array_equal(array, found[name]):
                raise SystemExit(f"{name} differs from the bare loop's")
        if number:  # the first round warms caches up
            times.append((first, second))
    ratios = [100 * (second / first - 1) for first, second in times]
    low, middle, high = statistics.quantiles(ratios, n=4)
    bare_time = 1e6 * statistics.median(first for first, _ in times) / batches
    ours = 1e6 * statistics.median(second for _, second in times) / batches
    pairs = zip(*steps_alone(dataset), strict=True)
    alone = statistics.quantiles([100 * (mine / theirs - 1) for theirs, mine in pairs], n=4)
    print(f"perceptron {FEATURES}-64-1, batch {BATCH}, {batches} batches, one thread, same weights")
    print(f"bare loop       {bare_time:8.1f} µs a batch")
    print(f"TrainingEngine  {ours:8.1f} µs a batch")
    print(f"above bare      {middle:8.2f} %  (quartiles {low:.2f} to {high:.2f})")
    best = [min(seconds) for seconds in zip(*times, strict=True)]
    print(f"best and best   {100 * (best[1] / best[0] - 1):8.2f} %  (least disturbed by others)")
    print(f"steps alone     {alone[1]:8.2f} %  (quartiles {alone[0]:.2f} to {alone[2]:.2f})")


if __name__ == "__main__":
    main()
