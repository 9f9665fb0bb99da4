"""Measuring a trained model on the parts that were held out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from training.config.targets import DirectionTarget, ReturnTarget
from training.data import epoch_batches
from training.errors import ConfigError, TrainingError
from training.market import backtest
from training.metrics import MetricSums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.config import BacktestConfig, DataConfig, EvaluationConfig
    from training.data import Dataset, Part
    from training.models import Model
    from training.types import Array, Batch, TaskKind

BATCH_SIZE = 1024


def check_evaluation(data: DataConfig, evaluation: EvaluationConfig) -> None:
    """Refuse what cannot be measured, before anything is trained.

    Raises:
        ConfigError: a backtest of a target that says no direction of a price, or of several
            symbols.
    """
    if evaluation.backtest is not None and not isinstance(
        data.target, DirectionTarget | ReturnTarget
    ):
        raise ConfigError(
            "evaluation.backtest needs a target made of a price (direction or return), and "
            f"data.target.type = {data.target.type!r}; leave the backtest out"
        )
    if evaluation.backtest is not None and data.symbol_column is not None:
        raise ConfigError(
            "evaluation.backtest trades one symbol, and data.symbol_column = "
            f"{data.symbol_column!r} says that there are several; leave the backtest out"
        )


def evaluate(
    model: Model, dataset: Dataset, config: EvaluationConfig, *, batch_size: int = BATCH_SIZE
) -> dict[str, float]:
    """Metrics by name: `val_loss`, `test_accuracy`, `test_backtest_sharpe`, ….

    Only what is measured and finite is there. The backtest of a strategy that follows the
    predictions stands beside `buy_and_hold`, which is long all the time; both after costs.

    Raises:
        TrainingError: predictions for a backtest that are not one finite number a row.
    """
    found: dict[str, float] = {}
    for prefix, part in (("val_", dataset.validation), ("test_", dataset.test)):
        if len(part.x) == 0:
            continue
        found |= _losses(model, part, batch_size, prefix)
        if config.backtest is not None and part.forward_returns is not None:
            predictions = _predictions(model, part, batch_size)
            strategies = {
                "backtest": positions_of(predictions, dataset.task, config.backtest),
                "buy_and_hold": np.ones(len(predictions)),
            }
            for name, positions in strategies.items():
                earned = backtest(
                    positions, part.forward_returns, cost_bps=config.backtest.cost_bps
                ).measures(dataset.bars_per_year)
                found |= {f"{prefix}{name}_{key}": value for key, value in earned.items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def positions_of(predictions: Array, task: TaskKind, rule: BacktestConfig) -> Array:
    """The rule from a prediction to a position: long, else in cash (or short, if it says so).

    Args:
        predictions: of the target, shape (rows,).
        task: `binary` is compared with the rule's threshold, `regression` with 0.
        rule: the section `evaluation.backtest`.
    """
    threshold = rule.threshold if task == "binary" else 0.0
    return np.where(predictions > threshold, 1.0, -1.0 if rule.short else 0.0)


def _losses(model: Model, part: Part, batch_size: int, prefix: str) -> dict[str, float]:
    sums = MetricSums()
    for batch in _in_order(part, batch_size):
        sums.add(model.evaluate_on_batch(batch), batch.size)
    return sums.means(prefix)


def _predictions(model: Model, part: Part, batch_size: int) -> Array:
    """One number a row, shape (rows,)."""
    pieces = [np.asarray(model.predict(batch.x)) for batch in _in_order(part, batch_size)]
    predictions = np.concatenate(pieces)
    if predictions.size != len(part.x) or not np.isfinite(predictions).all():
        raise TrainingError(
            f"{type(model).__name__}.predict gave an array of shape {predictions.shape} for "
            f"{len(part.x)} rows, {np.isfinite(predictions).sum()} of its values finite; a "
            "backtest needs one finite number a row: correct the model, or leave out "
            "evaluation.backtest"
        )
    return predictions.reshape(len(part.x))


def _in_order(part: Part, batch_size: int) -> Iterator[Batch]:
    return epoch_batches(part, batch_size=batch_size, seed=0, epoch=0, shuffle=False)
