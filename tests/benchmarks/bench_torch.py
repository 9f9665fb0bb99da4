"""What a whole training through `TrainingEngine` costs above a bare PyTorch loop.

Run it with `python -m tests.benchmarks.bench_torch`: a perceptron 32-64-1, batch 32, Adam, float32,
one thread. Each turn is a fresh training, on the same arrays, from the same seed; the engine's has
its default callbacks, a durable checkpoint an epoch, evaluation and registration. The bare loop is
what one would write: batches by torch's own indexing, the mean loss of an epoch. Both end with the
same weights, to the bit, or the script fails.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from tests.benchmarks.harness import Aim, Row, Turn, main
from training.artifacts import ArtifactStore
from training.config import DataConfig
from training.data import DataManager
from training.engine import TrainingEngine
from training.registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.data import Dataset
    from training.types import Array

ROWS, FEATURES, BATCH, EPOCHS, ROUNDS = 160_000, 32, 32, 2, 7
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
    frame["y"] = frame.sum(axis=1) + random.normal(size=ROWS)
    return DataManager(DataConfig.model_validate(DATA), frame=frame)


def bare(dataset: Dataset, epochs: int) -> tuple[float, dict[str, Array]]:
    """Seconds a batch, and the weights at the end."""
    import torch
    from torch import nn

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
    seconds = (perf_counter() - started) / _batches(dataset, epochs)
    return seconds, {name: array.numpy() for name, array in network.state_dict().items()}


def engine(manager: DataManager, epochs: int) -> tuple[float, dict[str, Any]]:
    """Seconds a batch of the whole call, without reading the data; the registered weights."""
    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        result = TrainingEngine(folder).train(
            MODEL, manager, {"epochs": epochs, "batch_size": BATCH}
        )
        seconds = (perf_counter() - started) / _batches(manager.get_data(), epochs)
        registry = ModelRegistry(ArtifactStore(Path(folder)))
        return seconds, registry.weights(registry.get(result.model["name"]))


def _batches(dataset: Dataset, epochs: int) -> int:
    return epochs * -(-len(dataset.train.x) // BATCH)


class _Loaded(DataManager):
    """Gives data that were prepared before, since a bare loop has them too."""

    def __init__(self, dataset: Dataset, manager: DataManager) -> None:
        super().__init__(manager.config)
        self._dataset = dataset

    def knowing(self, **_: object) -> Self:
        """As it is."""
        return self

    def get_data(self, *_: object, **__: object) -> Dataset:
        return self._dataset


def rows() -> Iterator[Row]:
    """One, where PyTorch is installed."""
    if find_spec("torch") is None:
        print("PyTorch is an extra and not installed: nothing to measure", file=sys.stderr)
        return
    import torch

    torch.set_num_threads(1)
    logging.getLogger("training").setLevel(logging.WARNING)
    source = _manager()
    dataset = source.get_data()
    manager = _Loaded(dataset, source)

    def turns(rounds: int) -> Iterator[Turn]:
        for _ in range(rounds):
            before, expected = bare(dataset, EPOCHS)
            ours, found = engine(manager, EPOCHS)
            after, _again = bare(dataset, EPOCHS)
            for name, array in expected.items():
                if not np.array_equal(array, found[name]):
                    raise SystemExit(f"{name} differs from the bare loop's")
            yield before, ours, after

    yield Row(
        "a batch, PyTorch, whole training",
        "bare PyTorch loop, same weights to the bit",
        Aim("times", 1.03, "µs", 1e-6),
        turns,
        ROUNDS,
    )


if __name__ == "__main__":
    main(rows)
