"""Labels by hand, and by the plain loop."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from training.config.targets import Target
from training.data.targets import horizon, labels, looks_back, task_of
from training.market.indicators import historical_volatility

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data import DataManager
    from training.types import Array

    Manage = Callable[..., DataManager]

TARGET: TypeAdapter[Target] = TypeAdapter(Target)
CLOSE = [10.0, 11.0, 11.0, 9.0, 12.0]
NAN = math.nan
ln = math.log

BY_HAND: list[tuple[dict[str, Any], list[Any]]] = [
    ({"type": "direction"}, [1, 0, 0, 1, NAN]),
    ({"type": "direction", "horizon": 2}, [1, 0, 1, NAN, NAN]),
    ({"type": "return"}, [ln(1.1), 0, ln(9 / 11), ln(12 / 9), NAN]),
    ({"type": "return", "horizon": 3}, [ln(0.9), ln(12 / 11), NAN, NAN, NAN]),
    (
        {"type": "multi_step", "steps": 2},
        [[ln(1.1), ln(1.1)], [0, ln(9 / 11)], [ln(9 / 11), ln(12 / 11)], [NAN] * 2, [NAN] * 2],
    ),
    ({"type": "column", "column": "close"}, CLOSE),
]


@pytest.mark.parametrize(("target", "expected"), BY_HAND)
def test_labels_are_those_worked_out_by_hand(target: dict[str, Any], expected: list[Any]) -> None:
    found = labels(TARGET.validate_python(target), pd.DataFrame({"close": CLOSE}))
    np.testing.assert_allclose(found, expected, rtol=1e-12, equal_nan=True)


def test_the_first_barrier_is_what_a_plain_loop_finds() -> None:
    """Bar after bar until one of the two is met, or the horizon is over."""
    close = 100 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 0.02, 300)))
    settings = {"horizon": 8, "window": 10, "upper": 1.5, "lower": 2.5}
    target = TARGET.validate_python({"type": "triple_barrier"} | settings)
    found = labels(target, pd.DataFrame({"close": close}))
    volatility = historical_volatility(close, 10)
    expected = [plain_barrier(close, at, volatility[at]) for at in range(300)]
    np.testing.assert_array_equal(found, expected)
    assert set(found[10:-8]) == {0.0, 1.0, 2.0}
    assert (horizon(target), looks_back(target)) == (8, 10)


def plain_barrier(close: Array, at: int, volatility: float) -> float:
    if math.isnan(volatility) or at + 8 >= len(close):
        return NAN
    for step in range(1, 9):
        moved = ln(close[at + step] / close[at])
        if moved >= 1.5 * volatility:
            return 2
        if moved <= -2.5 * volatility:
            return 0
    return 1


@pytest.mark.parametrize(
    ("target", "task", "shape"),
    [
        ({"type": "direction"}, ("binary", 1), ()),
        ({"type": "multi_step", "steps": 3}, ("regression", 3), (3,)),
        ({"type": "triple_barrier", "horizon": 3, "window": 5}, ("multiclass", 3), ()),
    ],
)
def test_a_target_says_task_and_outputs(
    target: dict[str, Any],
    task: tuple[str, int],
    shape: tuple[int, ...],
    prices: pd.DataFrame,
    manage: Manage,
) -> None:
    """Parts hold no row without a label, and labels of the shape that models take."""
    data = manage(prices, target=target, split={"validation": 0.2, "test": 0.2}).get_data()
    assert (data.task, data.outputs) == task
    for part in (data.train, data.validation, data.test):
        assert part.y.shape == (len(part.x), *shape)
        assert np.isfinite(part.y).all()
        assert part.y.dtype == ("int64" if task[0] == "multiclass" else "float32")


def test_classes_that_never_occur_have_an_output_all_the_same(prices: pd.DataFrame) -> None:
    """A barrier that is never met in this table may be met in the next one."""
    target = TARGET.validate_python({"type": "triple_barrier", "upper": 99.0})
    assert task_of(target, np.array([0.0, 1.0]), None) == ("multiclass", 3)  # type: ignore[arg-type]  # nothing is found
