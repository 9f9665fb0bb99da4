"""Measuring a trained model on the parts that were held out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from training.config.data import ColumnTarget
from training.data import epoch_batches
from training.errors import ConfigError
from training.market.backtest import backtest
from training.metrics import MetricSums

if TYPE_CHECKING:
    from training.config import BacktestConfig, DataConfig, EvaluationConfig
    from training.data import Dataset, Part
    from training.models import Model
    from training.types import Array, TaskKind

BATCH = 1024
BARS_PER_YEAR = 252.0
"""Where rows have no timestamps to tell it from."""


def check_evaluation(data: DataConfig, evaluation: EvaluationConfig) -> None:
    """Refuse what cannot be measured, before anything is trained.

    Raises:
        ConfigError: a backtest of a target that is not made of a price.
    """
    if evaluation.backtest is not None and isinstance(data.target, ColumnTarget):
        raise ConfigError(
            "evaluation.backtest needs a target made of a price (direction or return), and "
            "data.target.type = 'column'; leave the backtest out"
        )


def evaluate(model: Model, data: Dataset, config: EvaluationConfig) -> dict[str, float]:
    """Metrics by name: `val_loss`, `test_accuracy`, `test_backtest_sharpe`, ….

    Only what is measured and finite is there. The backtest of a strategy that follows the
    predictions stands beside `buy_and_hold`, which is long all the time; both after costs.
    """
    found: dict[str, float] = {}
    for prefix, part in (("val_", data.validation), ("test_", data.test)):
        if len(part.x) == 0:
            continue
        found |= _losses(model, part, prefix)
        if config.backtest is not None and part.forward_returns is not None:
            found |= _earnings(model, part, config.backtest, data, prefix)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def positions_of(predictions: Array, task: TaskKind, rule: BacktestConfig) -> Array:
    """The rule from a prediction to a position: long, else in cash (or short, if it says so)."""
    threshold = rule.threshold if task == "binary" else 0.0
    long = predictions.reshape(len(predictions), -1)[:, -1] > threshold
    return np.where(long, 1.0, -1.0 if rule.short else 0.0)


def _losses(model: Model, part: Part, prefix: str) -> dict[str, float]:
    sums = MetricSums()
    for batch in epoch_batches(part, batch_size=BATCH, seed=0, epoch=0, shuffle=False):
        sums.add(model.evaluate_on_batch(batch), batch.size)
    return sums.means(prefix)


def _earnings(
    model: Model, part: Part, rule: BacktestConfig, data: Dataset, prefix: str
) -> dict[str, float]:
    returns = part.forward_returns
    if returns is None:
        return {}
    bars = data.bars_per_year or BARS_PER_YEAR
    positions = positions_of(model.predict(part.x), data.task, rule)
    strategies = {"backtest": positions, "buy_and_hold": np.ones(len(returns))}
    return {
        f"{prefix}{name}_{measure}": value
        for name, held in strategies.items()
        for measure, value in backtest(held, returns, cost_bps=rule.cost_bps).measures(bars).items()
    }
