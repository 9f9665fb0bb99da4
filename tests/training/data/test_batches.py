"""Batches: every row once, in an order that (seed, epoch) decide."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data import Part, count_batches, epoch_batches
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


def on_disk(rows: int, readers: int = 2) -> Part:
    return replace(part(rows), readers=readers)


@pytest.mark.parametrize("readers", [1, 2, 5])
@pytest.mark.parametrize("size", [3, 4096, 5000])
def test_batches_read_ahead_are_the_same_in_the_same_order(readers: int, size: int) -> None:
    settings: dict[str, Any] = {"batch_size": size, "seed": 3, "epoch": 2, "start": 1}
    expected = list(epoch_batches(part(20_000), **settings))
    found = list(epoch_batches(on_disk(20_000, readers), **settings))
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.x.tobytes() == theirs.x.tobytes()
        assert ours.y.tobytes() == theirs.y.tobytes()


def test_they_are_read_before_they_are_asked_for_by_other_threads() -> None:
    """But not all at once: no more than a few pieces of a few thousand rows."""
    names: list[str] = []
    whole = part(200_000)

    def pick(chosen: Any) -> Batch:  # noqa: ANN401 - rows
        names.append(threading.current_thread().name)
        return Batch(whole.x[chosen], whole.y[chosen])

    batches = epoch_batches(replace(whole, readers=2, pick=pick), batch_size=1024, seed=0, epoch=0)
    next(batches)
    deadline = time.monotonic() + 10
    while len(names) < 5 * 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert 4 < len(names) <= 5 * 4
    assert all(name.startswith("reader") for name in names)
    batches.close()  # type: ignore[attr-defined]  # a generator
    assert not [one for one in threading.enumerate() if one.name.startswith("reader")]


def test_what_a_reading_thread_raises_is_raised_where_its_batch_would_have_come() -> None:
    whole = part(20_000)

    def pick(chosen: Any) -> Batch:  # noqa: ANN401 - rows
        if 4711 in chosen:
            raise OSError("the disk is gone")
        return Batch(whole.x[chosen], whole.y[chosen])

    settings: dict[str, Any] = {"batch_size": 5000, "seed": 1, "epoch": 0}
    at = next(
        number for number, batch in enumerate(epoch_batches(whole, **settings)) if 4711 in batch.y
    )
    batches = epoch_batches(replace(whole, readers=2, pick=pick), **settings)
    for _ in range(at):
        next(batches)
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)
