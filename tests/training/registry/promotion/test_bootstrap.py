"""The bootstrap: against theory, against a plain loop, and a function of its seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.registry.promotion import bootstrap
from training.registry.promotion.bootstrap import share_above_zero


def test_the_share_is_that_of_the_normal_distribution() -> None:
    """Of a mean z standard errors above zero, so many samples are above it."""
    random = np.random.default_rng(0)
    values = random.normal(size=1000)
    values = (values - values.mean()) / values.std()
    for z in (0.0, 1.0, 2.0):
        share = share_above_zero(values + z / math.sqrt(1000), samples=4000, block=1, seed=1)
        assert share == pytest.approx(0.5 * (1 + math.erf(z / math.sqrt(2))), abs=0.02)


@pytest.mark.parametrize("block", [1, 3, 7, 50])
def test_it_is_a_plain_loop_over_blocks_that_go_round(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(2).normal(0.1, 1.0, 20)
    random = np.random.Generator(np.random.PCG64(9))
    size = min(block, 20)
    starts = random.integers(20, size=(200, -(-20 // size), 1))[:, :, 0]
    means = [
        np.mean([values[(at + i) % 20] for at in row for i in range(size)][:20]) for row in starts
    ]
    expected = float(np.mean(np.array(means) > 0))
    assert share_above_zero(values, samples=200, block=block, seed=9) == pytest.approx(expected)
    monkeypatch.setattr(bootstrap, "_AT_ONCE", 64)
    assert 0 <= share_above_zero(values, samples=200, block=block, seed=9) <= 1


def test_blocks_widen_what_neighbours_have_in_common() -> None:
    """Of series that drift together, single rows promise too much."""
    random = np.random.default_rng(4)
    slow = np.convolve(random.normal(size=1100), np.ones(50) / 50, "valid")[:1000]
    slow = slow - slow.mean() + 0.02
    alone = share_above_zero(slow, samples=2000, block=1, seed=0)
    together = share_above_zero(slow, samples=2000, block=50, seed=0)
    assert alone > 0.99
    assert together < alone - 0.05


def test_no_difference_at_all_is_half() -> None:
    assert share_above_zero(np.zeros(10), samples=100, block=1, seed=0) == 0.5
