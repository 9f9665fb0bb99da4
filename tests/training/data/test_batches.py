"""Batches: every row once, in an order that (seed, epoch) decide."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data import Part, count_batches, epoch_batches

if TYPE_CHECKING:
    from training.types import Batch

WRITTEN_DOWN = [[6, 0, 2], [3, 7, 5], [1, 4]]


def part(rows: int) -> Part:
    """Rows that say their own number."""
    x = np.arange(2.0 * rows, dtype="float32").reshape(rows, 2)
    return Part(x, np.arange(rows, dtype="float32"))


def seen(batches: list[Batch]) -> list[float]:
    return [float(label) for batch in batches for label in batch.y]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    rows=st.integers(1, 70),
    size=st.integers(1, 80),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    start=st.integers(0, 5),
)
def test_every_row_comes_once_and_a_resume_goes_on_with_the_rest(
    rows: int, size: int, start: int, *, shuffle: bool, drop_last: bool
) -> None:
    """Whatever the sizes: as many batches as counted, full but the last, none twice."""
    batches = partial(
        epoch_batches,
        part(rows),
        batch_size=size,
        seed=3,
        epoch=1,
        shuffle=shuffle,
        drop_last=drop_last,
    )
    whole = list(batches())
    assert len(whole) == count_batches(rows, size, drop_last=drop_last)
    assert all(batch.size == size for batch in whole[: None if drop_last else -1])
    labels = seen(whole)
    assert len(set(labels)) == len(labels) == (rows - rows % size if drop_last else rows)
    assert all((batch.x[:, 0] == 2 * batch.y).all() for batch in whole)
    assert seen(list(batches(start=start))) == seen(whole[start:])


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    """The same pair, the same order, whatever else was drawn; any other pair, another order."""
    orders = {}
    for seed in (0, 1, 2):
        for epoch in (0, 1, 2):
            np.random.default_rng().random(5)
            first, again = (
                tuple(seen(list(epoch_batches(part(50), batch_size=8, seed=seed, epoch=epoch))))
                for _ in range(2)
            )
            assert first == again
            orders[first] = (seed, epoch)
    assert len(orders) == 9


def test_the_order_stays_what_it_was() -> None:
    """A finished run of last year is repeated exactly: this order is written down."""
    batches = list(epoch_batches(part(8), batch_size=3, seed=7, epoch=2))
    assert [batch.y.astype(int).tolist() for batch in batches] == WRITTEN_DOWN


def test_unshuffled_batches_are_views() -> None:
    """Nothing is copied where rows stay in their order."""
    rows = part(20)
    batches = list(epoch_batches(rows, batch_size=6, seed=0, epoch=0, shuffle=False))
    assert all(np.shares_memory(batch.x, rows.x) for batch in batches)
    assert seen(batches) == list(range(20))


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_are_contiguous_and_keep_their_dtype(*, shuffle: bool) -> None:
    for batch in epoch_batches(part(20), batch_size=6, seed=0, epoch=0, shuffle=shuffle):
        assert batch.x.flags.c_contiguous
        assert batch.x.dtype == batch.y.dtype == np.float32
