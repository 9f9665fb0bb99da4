"""How sure it is that paired differences are above zero on average: a block bootstrap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.types import Array

_AT_ONCE = 2**22
"""Numbers that are drawn at a time."""


def share_above_zero(differences: Array, *, samples: int, block: int, seed: int) -> float:
    """The share of the samples whose mean is above zero.

    A sample has as many rows as there are differences, drawn with replacement in blocks of
    neighbours that go on at the beginning (circular block bootstrap, Politis and Romano 1992); with
    `block=1` it is the plain bootstrap (Efron 1979). A mean of exactly zero counts as half.

    Args:
        differences: one a row, in order of time, float64, shape (rows,).
        samples: how many are drawn.
        block: rows that are drawn together.
        seed: the samples are a function of it, of the number of rows and of `block` alone.
    """
    rows = len(differences)
    block = min(block, rows)
    blocks = -(-rows // block)
    random = np.random.Generator(np.random.PCG64(seed))
    around = np.concatenate((differences, differences[: block - 1]))
    above = 0.0
    each = max(1, _AT_ONCE // (blocks * block))
    for first in range(0, samples, each):
        starts = random.integers(rows, size=(min(each, samples - first), blocks, 1))
        drawn = around[(starts + np.arange(block)).reshape(len(starts), -1)[:, :rows]]
        sums = drawn.sum(axis=1)
        above += float((sums > 0).sum()) + 0.5 * float((sums == 0).sum())
    return above / samples
