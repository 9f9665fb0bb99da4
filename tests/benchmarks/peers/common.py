"""The bare loop that the other frameworks stand beside, and how a script reports.

Runs in an environment with PyTorch and one framework, without this project's packages.
"""

from __future__ import annotations

import json
import statistics
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, FEATURES, BATCH, ROUNDS = 32_000, 32, 32, 5


def table() -> tuple[Any, Any]:
    """Inputs and targets, as tensors."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    x = torch.randn(ROWS, FEATURES)
    return x, x.sum(1, keepdim=True) + torch.randn(ROWS, 1)


def network() -> Any:  # noqa: ANN401 - torch is not there where this is checked
    """A perceptron 32-64-1."""
    from torch import nn

    return nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 1))


def bare(x: Any, y: Any) -> float:  # noqa: ANN401 - as above
    """Microseconds a batch of the loop that anyone would write."""
    import torch

    model, loss_of = network(), torch.nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters())
    total = 0.0
    began = perf_counter()
    for chosen in torch.randperm(ROWS).split(BATCH):
        optimizer.zero_grad()
        loss = loss_of(model(x[chosen]), y[chosen])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
    return 1e6 * (perf_counter() - began) / (ROWS // BATCH)


def report(version: str, unit: str, limit: Callable[[], float], peer: Callable[[], float]) -> None:
    """Both sides in turn, after a round that warms up, as one line of JSON."""
    turns = [(limit(), peer()) for _ in range(ROUNDS + 1)][1:]
    sides = [statistics.median(side) for side in zip(*turns, strict=True)]
    ratios = statistics.quantiles([two / one for one, two in turns], n=4, method="inclusive")
    print(json.dumps({"version": version, "unit": unit, "sides": sides, "ratios": ratios}))


def per_batch(version: str, epoch: Callable[[Any, Any], None]) -> None:
    """A framework's epoch beside the bare one."""
    x, y = table()

    def peer() -> float:
        began = perf_counter()
        epoch(x, y)
        return 1e6 * (perf_counter() - began) / (ROWS // BATCH)

    report(version, "µs a batch", lambda: bare(x, y), peer)
