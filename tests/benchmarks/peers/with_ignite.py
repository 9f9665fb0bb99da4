"""Ignite: an engine with a running average."""

from __future__ import annotations

from typing import Any

import ignite
import torch
from common import BATCH, network, per_batch
from ignite.engine import Engine
from ignite.metrics import RunningAverage
from torch.utils.data import DataLoader, TensorDataset


def epoch(x: Any, y: Any) -> None:  # noqa: ANN401 - tensors
    """One."""
    model, loss_of = network(), torch.nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters())

    def step(_engine: Engine, batch: Any) -> float:  # noqa: ANN401 - tensors
        optimizer.zero_grad()
        loss = loss_of(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return float(loss.item())

    engine = Engine(step)
    RunningAverage(output_transform=lambda loss: loss).attach(engine, "loss")
    engine.run(DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True), max_epochs=1)


per_batch(ignite.__version__, epoch)
