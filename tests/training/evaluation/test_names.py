"""What the name of a metric of a backtest says."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.names import MEASURES, OWN, STRATEGIES, Earned, earned
from training.market import backtest


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("test_backtest_sharpe", Earned("test", "backtest", "sharpe")),
        ("val_buy_and_hold_max_drawdown", Earned("val", "buy_and_hold", "max_drawdown")),
        ("test_random_max_drawdown_bars", Earned("test", "random", "max_drawdown_bars")),
        ("test_loss", None),
        ("backtest_sharpe", None),
        ("test_random_error", None),
        ("train_backtest_sharpe", None),
        ("test_backtest_sharpe\n", None),
    ],
)
def test_names_say_part_strategy_and_measure(metric: str, said: Earned | None) -> None:
    assert earned(metric) == said


def test_all_that_is_measured_has_its_place() -> None:
    """A measure that is not named here would stand among the losses."""
    returns = np.array([0.01, -0.02, 0.03, -0.01])
    found = backtest(np.ones(4), returns, cost_bps=5).measures(252)
    assert set(found) == set(MEASURES)
    assert next(iter(STRATEGIES)) == OWN
