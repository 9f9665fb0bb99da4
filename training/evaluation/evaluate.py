"""Measuring a trained model on the parts that were held out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from training.config.targets import DirectionTarget, ReturnTarget
from training.data import epoch_batches
from training.errors import ConfigError, TrainingError
from training.evaluation.names import OWN
from training.evaluation.strategies import baseline_positions, positions_of, traded
from training.market import median
from training.metrics import MetricSums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.config import BacktestConfig, DataConfig, EvaluationConfig
    from training.data import Dataset, Part
    from training.models import Model
    from training.types import Array, Batch

BATCH_SIZE = 1024


def check_evaluation(data: DataConfig, evaluation: EvaluationConfig) -> None:
    """Refuse what cannot be measured, before anything is trained.

    Raises:
        ConfigError: a backtest of a target that says no direction of a price.
    """
    if evaluation.backtest is not None and not isinstance(
        data.target, DirectionTarget | ReturnTarget
    ):
        raise ConfigError(
            "evaluation.backtest needs a target made of a price (direction or return), and "
            f"data.target.type = {data.target.type!r}; leave the backtest out"
        )


def evaluate(
    model: Model,
    dataset: Dataset,
    config: EvaluationConfig,
    *,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
) -> dict[str, float]:
    """Metrics by name: `val_loss`, `test_accuracy`, `test_backtest_sharpe`, ….

    Only what is measured and finite is there. The backtest of a strategy that follows the
    predictions stands beside `buy_and_hold` and the other baselines that the section names; all
    after costs.

    Args:
        model: trained.
        dataset: of which validation and test part are measured.
        config: the section `evaluation`.
        batch_size: rows at a time.
        seed: of the baseline that trades at random.

    Raises:
        TrainingError: predictions for a backtest that are not one finite number a row.
    """
    found: dict[str, float] = {}
    for prefix, part in (("val_", dataset.validation), ("test_", dataset.test)):
        if len(part.x) == 0:
            continue
        found |= _losses(model, part, batch_size, prefix)
        compared = getattr(model, "compared", None)
        if compared is not None:
            found |= {f"{prefix}{name}": value for name, value in compared(part.x).items()}
        if config.backtest is not None and part.forward_returns is not None:
            predictions = _predictions(model, part, batch_size)
            own = positions_of(predictions, dataset.task, config.backtest)
            earned = compare(part, own, config.backtest, dataset.bars_per_year, seed)
            found |= {f"{prefix}{name}": value for name, value in earned.items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def compare(
    part: Part, own: Array, rule: BacktestConfig, bars_per_year: float | None, seed: int = 0
) -> dict[str, float]:
    """Measures of a model's strategy and of the baselines beside it, by their names.

    Args:
        part: with returns and prices.
        own: the positions of the model's strategy, one for each row of the part.
        rule: the section `evaluation.backtest`.
        bars_per_year: as `measures` takes it.
        seed: of the baseline that trades at random.
    """
    random = np.random.default_rng(seed)
    drawn: dict[str, list[Array]] = {OWN: [own]}
    for baseline in rule.baselines:
        drawn[baseline.type] = baseline_positions(baseline, part, own, rule, random)
    found: dict[str, float] = {}
    for name, positions in drawn.items():
        tries = [traded(part, one, rule.cost_bps) for one in positions]
        earned = median([one.measures(bars_per_year, tail=rule.tail) for one in tries])
        found |= {f"{name}_{key}": value for key, value in earned.items()}
    return found


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
