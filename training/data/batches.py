"""Batches: an order that is a function of (seed, epoch), cut into pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.data.ahead import read_ahead
from training.types import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.data.dataset import Part, Pick
    from training.types import Array


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
    pick = part.pick or _picker(part)
    if not shuffle:
        for at in range(start * batch_size, end, batch_size):
            yield pick(slice(at, min(at + batch_size, end)))
        return
    order = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    indices = order.permutation(rows)
    pieces = range(start * batch_size, end, batch_size)
    if part.readers:
        chosen = [indices[at : at + batch_size] for at in pieces]
        yield from read_ahead(pick, chosen, part.readers)
        return
    for at in pieces:
        yield pick(indices[at : at + batch_size])


def _picker(part: Part) -> Pick:
    x, y, weight = part.x, part.y, part.weight
    contiguous = x.flags.c_contiguous  # `take` would copy all of what is not, windows above all

    def pick(chosen: slice | Array) -> Batch:
        if isinstance(chosen, slice):
            return Batch(np.ascontiguousarray(x[chosen]), y[chosen])
        if contiguous:
            return Batch(x.take(chosen, axis=0), y.take(chosen, axis=0))
        return Batch(np.ascontiguousarray(x[chosen]), y.take(chosen, axis=0))

    if weight is None:
        return pick
    return lambda chosen: pick(chosen)._replace(weight=weight[chosen])
