"""Batches: an order that is a function of (seed, epoch), cut into pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.types import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.data.dataset import Part


def count_batches(rows: int, batch_size: int, *, drop_last: bool) -> int:
    """How many batches an epoch has."""
    return rows // batch_size if drop_last else -(-rows // batch_size)


def epoch_batches(
    part: Part,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    shuffle: bool = True,
    drop_last: bool = False,
    start: int = 0,
) -> Iterator[Batch]:
    """The batches of one epoch.

    Args:
        part: the rows.
        batch_size: rows a batch; the last one may have fewer.
        seed: with `epoch`, decides the order: nothing of it is ever saved.
        epoch: epochs done before this one.
        shuffle: a new order each epoch; else the rows' own, in views (windows are copied, a batch
            at a time).
        drop_last: leave a last batch out that is not full.
        start: batches to leave out at the front: their indices are skipped, not their rows loaded.
    """
    rows = len(part.x)
    end = rows - rows % batch_size if drop_last else rows
    x, y = part.x, part.y
    if not shuffle:
        for at in range(start * batch_size, end, batch_size):
            chosen = slice(at, at + batch_size)
            yield Batch(np.ascontiguousarray(x[chosen]), y[chosen])
        return
    order = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    indices = order.permutation(rows)
    for at in range(start * batch_size, end, batch_size):
        rows_of = indices[at : at + batch_size]
        # `take` is quicker, but would copy all of an array whose windows overlap in memory.
        inputs = x.take(rows_of, axis=0) if x.flags.c_contiguous else x[rows_of]
        yield Batch(inputs, y.take(rows_of, axis=0))
