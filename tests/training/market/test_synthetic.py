"""Markets that are made up have what they promise, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.market.synthetic import planted_pattern, random_walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array

    Make = Callable[..., dict[str, Array]]

MAKERS: list[Make] = [random_walk, planted_pattern]


@pytest.mark.parametrize("make", MAKERS)
def test_bars_are_whole(make: Make) -> None:
    """Each opens where the one before closed, and its range holds what it has to."""
    table = make(500, seed=3)
    assert {len(column) for column in table.values()} == {500}
    np.testing.assert_array_equal(table["open"][1:], table["close"][:-1])
    assert (table["high"] >= np.maximum(table["open"], table["close"])).all()
    assert (table["low"] <= np.minimum(table["open"], table["close"])).all()
    assert set(np.unique(table["signal"])) == {-1.0, 1.0}
    assert (np.diff(table["time"]) > np.timedelta64(0)).all()


@pytest.mark.parametrize("make", MAKERS)
def test_a_seed_is_a_market(make: Make) -> None:
    one, same, other = make(100, seed=1), make(100, seed=1), make(100, seed=2)
    for name, column in one.items():
        np.testing.assert_array_equal(column, same[name])
    assert (one["close"] != other["close"]).any()


def test_the_pattern_is_as_probable_as_it_is_said() -> None:
    """Within four standard deviations, both for 0.6 and for none at all."""
    for probability in (0.5, 0.6, 0.9):
        table = planted_pattern(40_000, probability=probability, seed=5)
        right = np.sign(np.diff(np.log(table["close"]))) == table["signal"][:-1]
        spread = np.sqrt(probability * (1 - probability) / 40_000)
        assert abs(right.mean() - probability) < 4 * spread


def test_a_walks_signal_says_nothing() -> None:
    table = random_walk(40_000, seed=5)
    right = np.sign(np.diff(np.log(table["close"]))) == table["signal"][:-1]
    assert abs(right.mean() - 0.5) < 4 * 0.5 / 200


def test_drift_and_volatility_are_those_of_a_bar() -> None:
    table = random_walk(100_000, seed=2, drift=0.001, volatility=0.02)
    returns = np.diff(np.log(table["close"]))
    assert returns.mean() == pytest.approx(0.001, abs=4 * 0.02 / np.sqrt(100_000))
    assert returns.std() == pytest.approx(0.02, rel=0.02)


def test_signals_stay_as_often_as_it_is_said() -> None:
    for stays in (0.5, 0.8):
        signal = planted_pattern(40_000, stays=stays, seed=4)["signal"]
        assert (signal[1:] == signal[:-1]).mean() == pytest.approx(stays, abs=0.01)
