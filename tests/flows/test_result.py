"""What a person reads on the terminal when a run ends."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from flows.cli.result import print_result
from training.market import backtest

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.run import TrainingResult

    Page = Callable[[dict[str, float]], list[str]]


@pytest.fixture
def page(train: Callable[..., TrainingResult], capsys: pytest.CaptureFixture[str]) -> Page:
    """The lines of a finished run with such metrics."""
    result: Any = train(epochs=1)

    def of(metrics: dict[str, float]) -> list[str]:
        capsys.readouterr()
        print_result(dataclasses.replace(result, metrics=metrics), as_json=False)
        return capsys.readouterr().out.splitlines()

    return of


def _earned(*names: str) -> dict[str, float]:
    returns = np.array([0.01, -0.02, 0.03, -0.01])
    found = backtest(np.ones(4), returns, cost_bps=5).measures(252)
    return {f"{name}_{key}": value for name in names for key, value in found.items()}


def test_losses_have_a_table_with_a_column_for_each_part(page: Page) -> None:
    lines = page({"loss": 0.25, "val_loss": 0.5, "test_loss": 0.125, "test_mae": 2.0})
    at = next(i for i, line in enumerate(lines) if line.startswith("metric"))
    assert lines[at].split() == ["metric", "train", "validation", "test"]
    assert lines[at + 1].split() == ["loss", "0.25", "0.5", "0.125"]
    assert lines[at + 2].split() == ["mae", "2"]
    assert len(lines) == at + 3


def test_each_part_has_a_table_of_the_strategies_that_fits_on_a_terminal(page: Page) -> None:
    strategies = ("backtest", "buy_and_hold", "flat", "moving_average", "random")
    names = [f"{part}_{one}" for part in ("val", "test") for one in strategies]
    lines = page({"test_loss": 1.0} | _earned(*names))
    for title in ("validation, after costs", "test, after costs"):
        at = next(i for i, line in enumerate(lines) if line.startswith(title))
        columns = ["the model", "buy and hold", "flat", "moving average", "random"]
        starts = [lines[at].index(column) for column in columns]
        assert starts == sorted(starts)
        rows = [line.split() for line in lines[at + 1 : at + 9]]
        assert [row[0] for row in rows][:3] == ["total_return", "annual_return", "sharpe"]
        assert all(len(row) == 1 + len(columns) for row in rows)
    assert max(map(len, lines[at:])) <= 100


def test_a_strategy_that_was_not_measured_has_no_column_and_a_measure_no_row(page: Page) -> None:
    lines = page({"test_backtest_sharpe": 1.5, "test_flat_total_return": 0.0})
    at = next(i for i, line in enumerate(lines) if line.startswith("test, after costs"))
    assert lines[at].split() == ["test,", "after", "costs", "the", "model", "flat"]
    assert lines[at + 1].split() == ["total_return", "0"]
    assert lines[at + 2].split() == ["sharpe", "1.5"]
    assert lines[at + 3 :] == []
