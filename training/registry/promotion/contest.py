"""Challenger and champion on the same held-out rows, each behind its own features and scaling."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.targets import horizon
from training.errors import ConfigError, DataError
from training.evaluation import earned, evaluate, positions_of, traded
from training.evaluation.names import OWN
from training.market.measures import equity
from training.registry.load import predict_in_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.config import EvaluationConfig, RunConfig
    from training.data import Dataset, Part, Table
    from training.registry.load import RegisteredModel
    from training.types import Array, TaskKind

CURVE_POINTS = 60
_LEAST_PROBABILITY = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One model on the held-out rows.

    Attributes:
        reference: `NAME:VERSION`.
        metrics: `test_loss`, `test_backtest_sharpe`, …; only what is measured and finite.
        losses: of each row, float64, shape (rows,); None: the model says no loss of a single row.
        returns: of each bar, after costs, float64, shape (bars,); None: no backtest.
    """

    reference: str
    metrics: dict[str, float]
    losses: Array | None = None
    returns: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """What a gate looks at.

    Attributes:
        challenger: the new version.
        champion: the one that it may replace; None: there is none.
        baselines: `majority_accuracy`, `last_value_loss`, `buy_and_hold_sharpe`, …: of what learns
            nothing, on the same rows.
        curves: what 1 has become at some of the bars, after costs, of `challenger`, `champion` and
            `buy_and_hold`; empty: no backtest.
        about: how many rows, the first and the last of them, and the moments of the curves' points,
            in plain values.
        notes: what a person should know of the comparison.
        seeds: what the models of all seeds of the challenger measure, by metric; empty: one seed.
    """

    challenger: Candidate
    champion: Candidate | None
    baselines: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seeds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def contest(
    challenger: RegisteredModel,
    champion: RegisteredModel | None,
    dataset: Dataset,
    table: Table,
    config: RunConfig,
) -> Contest:
    """Measure both on the test part, the newest rows, which neither was trained on.

    Args:
        challenger: trained on `dataset`.
        champion: in production.
        dataset: the challenger's.
        table: the rows that it was made of.
        config: the challenger's.

    Raises:
        ConfigError: the champion says something else than the challenger, or no part is held out.
        DataError: the champion's features cannot be made of these rows.
    """
    part = dataset.test
    if len(part.x) == 0:
        raise ConfigError(
            "data.split.test = 0 holds no rows out, and a challenger is measured on rows that it "
            "was not trained on; set data.split.test: 0.15"
        )
    own = measure(challenger, part, dataset, config)
    other, notes, ahead = None, [], horizon(config.data.target)
    if champion is not None:
        _require_same_task(champion, dataset)
        x = inputs_of(champion, table, part, ahead)
        other = measure(champion, replace(part, x=x), dataset, config)
        notes = _seen_before(champion, part)
    curves, moments = _curves(own, other, part, config.evaluation)
    return Contest(
        own,
        other,
        baselines=_baselines(dataset, own, ahead),
        curves=curves,
        about=_about(part) | ({"moments": moments} if moments else {}),
        notes=tuple(notes),
    )


def measure(model: RegisteredModel, part: Part, dataset: Dataset, config: RunConfig) -> Candidate:
    """One model on a part whose inputs are its own."""
    only = replace(dataset, validation=part.rows(slice(0, 0)), test=part)
    metrics = evaluate(model.model, only, config.evaluation, seed=config.training.seed)
    rule = config.evaluation.backtest
    predictions = predict_in_blocks(model.model, part.x)
    returns = None
    if rule is not None and part.forward_returns is not None:
        positions = positions_of(predictions.reshape(len(part.x)), dataset.task, rule)
        returns = traded(part, positions, rule.cost_bps)
    return Candidate(
        reference=str(model.version),
        metrics=metrics,
        losses=losses_of(predictions, part.y, dataset.task),
        returns=None if returns is None else np.nan_to_num(returns.returns),
    )


def losses_of(predictions: Array, y: Array, task: TaskKind) -> Array:
    """The loss of each row, float64, shape (rows,).

    Cross-entropy of the probabilities for classes, squared error for values.
    """
    said = predictions.astype("float64")
    if task == "regression":
        errors = np.square(said.reshape(len(y), -1) - y.reshape(len(y), -1))
        found: Array = errors.mean(axis=1)
        return found
    if task == "binary":
        said = said.reshape(len(y))
        right = np.where(y > 0, said, 1.0 - said)
    else:
        right = said[np.arange(len(y)), y.astype("int64")]
    cross_entropy: Array = -np.log(np.maximum(right, _LEAST_PROBABILITY))
    return cross_entropy


def inputs_of(model: RegisteredModel, table: Table, part: Part, ahead: int) -> Array:
    """A model's own inputs for the rows of a part of another one's data set.

    Args:
        model: whose features are made.
        table: the whole table, so that features can look back.
        part: its rows are found by their times; without times, they are the last ones.
        ahead: rows after the part that labels look at.

    Raises:
        DataError: columns are missing, or the features look back further than the table begins.
    """
    pipeline, frame = model.pipeline, table.frame
    missing = [name for name in pipeline.columns if name not in frame.columns]
    if missing:
        raise DataError(
            f"{model.version} is made of column {missing[0]!r}, which the table has not; give the "
            "new model another name, so that it has no champion, or bring the column back"
        )
    if table.times is None or part.times is None:
        stop = len(frame) - ahead
        rows = np.arange(stop - len(part.x), stop)
    else:
        rows = np.searchsorted(table.times, part.times)
    if rows[0] < pipeline.warm_up:
        raise DataError(
            f"the features of {model.version} are not known for all rows of the held-out part: "
            f"they look back {pipeline.warm_up} rows; take a longer window"
        )
    inputs = pipeline.inputs(pipeline.scale(pipeline.compute(frame, table.time)))
    return np.ascontiguousarray(inputs[rows - pipeline.look_back.rows + 1])


def _require_same_task(champion: RegisteredModel, dataset: Dataset) -> None:
    spec = champion.version.card["spec"]
    theirs, ours = (spec["task"], spec["outputs"]), (dataset.task, dataset.outputs)
    if theirs != ours:
        raise ConfigError(
            f"{champion.version} is of task {theirs[0]} with {theirs[1]} output(s), and the new "
            f"model of {ours[0]} with {ours[1]}: they cannot be compared; give it another name"
        )


def _seen_before(champion: RegisteredModel, part: Part) -> list[str]:
    """Whether the champion was trained on rows that it is now measured on."""
    until = champion.version.card.get("trained_until")
    if until is None or part.times is None:
        return []
    seen = int((part.times <= np.datetime64(until)).sum())
    if not seen:
        return []
    return [f"the champion was trained on {seen} of the {len(part.x)} held-out rows"]


def _baselines(dataset: Dataset, own: Candidate, ahead: int) -> dict[str, float]:
    part = dataset.test
    said = [(earned(name), value) for name, value in own.metrics.items()]
    found = {
        f"{one.strategy}_{one.measure}": value for one, value in said if one and one.strategy != OWN
    }
    if dataset.task == "regression":
        y, known_after = part.y.astype("float64"), max(ahead, 1)
        if y.ndim == 1 and len(y) > known_after:
            errors = y[known_after:] - y[:-known_after]
            found["last_value_loss"] = float(np.square(errors).mean())
        return found
    values, counts = np.unique(dataset.train.y, return_counts=True)
    most = values[int(np.argmax(counts))]
    return found | {"majority_accuracy": float((part.y == most).mean())}


def _curves(
    own: Candidate, other: Candidate | None, part: Part, config: EvaluationConfig
) -> tuple[dict[str, list[float]], list[str]]:
    """Few enough points to be stored with the decision; and when they are, if rows have times."""
    returns = {"challenger": own.returns, "champion": other.returns if other else None}
    known = {name: values for name, values in returns.items() if values is not None}
    if not known or part.forward_returns is None or config.backtest is None:
        return {}, []
    held = traded(part, np.ones(len(part.x)), config.backtest.cost_bps)
    bars = np.unique(np.linspace(0, len(held.returns) - 1, CURVE_POINTS).astype(int))
    known["buy_and_hold"] = held.returns
    times = np.unique(part.times) if part.times is not None else np.array([])
    moments = _in_words(times[bars]) if len(times) == len(held.returns) else []
    return {name: equity(values)[bars].tolist() for name, values in known.items()}, moments


def _about(part: Part) -> dict[str, Any]:
    about: dict[str, Any] = {"rows": len(part.x)}
    if part.times is not None:
        about |= dict(zip(("first", "last"), _in_words(part.times[[0, -1]]), strict=True))
    return about


def _in_words(times: Array) -> list[str]:
    return [str(at).removesuffix("T00:00:00") for at in times.astype("datetime64[s]")]
