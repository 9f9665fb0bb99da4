"""What the engine costs above a bare PyTorch loop on a GPU.

Run it with `python tests/benchmarks/bench_torch_gpu.py`: a perceptron 1024-4096-4096-1, batches of
4096, bf16, Adam. An epoch of the engine (batches picked on the device, metrics read at its end) and
a bare one take turns; the bare loop has its rows on the device too, and adds up its loss there.
Both wait for the device at the end of an epoch.
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.callbacks import CallbackList
from training.config import DataConfig, RunConfig
from training.data import DataManager
from training.engine import TrainingEngine
from training.run import TrainingRun

if TYPE_CHECKING:
    from training.run import Session

ROWS, FEATURES, WIDTH, BATCH, ROUNDS = 204_800, 1024, 4096, 4096, 9
DATA: dict[str, Any] = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
    "split": {"validation": 0.0, "test": 0.0},
}
MODEL = {
    "type": "torch",
    "device": "cuda",
    "precision": "bf16",
    "network": {"type": "mlp", "hidden": [WIDTH, WIDTH]},
}


def _session(folder: str) -> Session:
    random = np.random.default_rng(0)
    values = random.normal(size=(ROWS, FEATURES)).astype(np.float32)
    frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(FEATURES)])
    frame["y"] = values[:, :8].sum(axis=1)
    manager = DataManager(DataConfig.model_validate(DATA), frame=frame)
    training = {"epochs": 1000, "batch_size": BATCH}
    config = RunConfig.model_validate({"model": MODEL, "training": training})
    run = TrainingRun(config, folder, manager=manager, callbacks=CallbackList([]))
    run.load_data()
    with run.held():
        return run.create_model()


class Bare:
    """The loop that one would write."""

    def __init__(self, session: Session) -> None:
        """Network, optimizer, and the rows on the device."""
        import torch
        from torch import nn

        self.torch = torch
        self.x = torch.from_numpy(session.data.train.x.copy()).cuda()
        self.y = torch.from_numpy(session.data.train.y.copy()).cuda()
        self.network = nn.Sequential(
            nn.Linear(FEATURES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(),
            nn.Linear(WIDTH, 1),
        ).cuda()  # fmt: skip
        self.optimizer = torch.optim.Adam(self.network.parameters(), 0.001)

    def epoch(self) -> float:
        """Seconds."""
        torch = self.torch
        started = perf_counter()
        total = torch.zeros((), device="cuda")
        for chosen in torch.randperm(len(self.x), device="cuda").split(BATCH):
            self.optimizer.zero_grad()
            with torch.autocast("cuda", torch.bfloat16):
                z = self.network(self.x[chosen]).squeeze(-1)
                loss = torch.nn.functional.mse_loss(z, self.y[chosen])
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        total.item()
        return perf_counter() - started


def main() -> None:
    """Print the table."""
    import torch

    logging.getLogger("training").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        session, engine = _session(folder), TrainingEngine(folder)
        bare, times = Bare(session), []
        for number in range(ROUNDS + 2):
            theirs = bare.epoch()
            started = perf_counter()
            engine._train_batches(session)
            session.state.sums.means()
            ours = perf_counter() - started
            session.state.batch, session.state.epoch = 0, session.state.epoch + 1
            if number >= 2:
                times.append((theirs, ours))
    batches = session.batches
    print(f"{torch.cuda.get_device_name()}: {FEATURES}-{WIDTH}-{WIDTH}-1, batch {BATCH}, bf16")
    for name, seconds in zip(("bare", "engine"), zip(*times, strict=True), strict=True):
        print(f"{name:<8}{batches / statistics.median(seconds):8.1f} steps a second")
    share = statistics.median(theirs / ours for theirs, ours in times)
    print(f"the engine runs at {100 * share:.2f} % of the bare loop's steps")


if __name__ == "__main__":
    if find_spec("torch") is None:
        print("PyTorch is an extra and not installed: nothing to measure")
        sys.exit(0)
    import torch

    if not torch.cuda.is_available():
        print("no CUDA device here: nothing to measure")
        sys.exit(0)
    main()
