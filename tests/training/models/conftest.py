"""Batches of any task."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.types import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.types import Array, ModelSpec

    MakeBatch = Callable[..., Batch]


def _targets(spec: ModelSpec, rows: int, random: np.random.Generator) -> Array:
    if spec.task == "regression":
        return random.normal(size=(rows, spec.outputs) if spec.outputs > 1 else rows)
    return random.integers(0, max(2, spec.outputs), rows).astype(np.float64)


@pytest.fixture(scope="session")
def make_batch() -> MakeBatch:
    """`make_batch(spec, rows=8, seed=0, weighted=False)`: rows that the spec's model takes."""

    def make(spec: ModelSpec, rows: int = 8, seed: int = 0, *, weighted: bool = False) -> Batch:
        random = np.random.default_rng(seed)
        x = random.normal(size=(rows, *spec.row_shape)).astype(spec.dtype)
        y = _targets(spec, rows, random).astype(spec.dtype)
        weight = random.uniform(0.1, 2.0, rows).astype(spec.dtype) if weighted else None
        return Batch(x, y, weight)

    return make


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads of a small fit wait for each other longer than they work."""
    if find_spec("sklearn") is None:
        yield
        return
    import sklearn.ensemble  # noqa: F401 - loads the library whose threads are limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
