"""Challenger and champion on the same held-out rows, each behind its own features and scaling."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.targets import horizon
from training.errors import ConfigError
from training.evaluation import earned, evaluate, positions_of, traded
from training.evaluation.names import OWN
from training.registry.load import predict_in_blocks
from training.registry.promotion.acting import Performance, contest_of_agents
from training.registry.promotion.inputs import inputs_of
from training.registry.promotion.records import Candidate, Contest, curves_of, points_of
from training.registry.trading import TradingPolicy

if TYPE_CHECKING:
    from training.config import EvaluationConfig, RunConfig
    from training.data import Dataset, Part, Table
    from training.registry.load import RegisteredModel
    from training.types import Array, TaskKind

_LEAST_PROBABILITY = 1e-15


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
    if champion is not None:
        _require_same_task(champion, challenger)
    if isinstance(challenger.model, TradingPolicy):
        found = contest_of_agents(challenger, champion, dataset, table, config)
    else:
        found = _contest_of_predictions(challenger, champion, dataset, table, config)
    notes = () if champion is None else _seen_before(champion, part)
    return replace(found, about=_about(part) | _moments(found, part), notes=notes)


def measured_on(
    model: RegisteredModel, part: Part, dataset: Dataset, table: Table, config: RunConfig
) -> Candidate:
    """A model on a part of another one's data set, behind its own features and scaling.

    Args:
        model: which.
        part: of `dataset`.
        dataset: whose rows they are.
        table: the whole table, so that features can look back.
        config: by which rules it is measured.

    Raises:
        DataError: its features cannot be made of these rows.
    """
    if isinstance(model.model, TradingPolicy):
        return Performance.of(model, part, dataset, table, config).candidate
    x = inputs_of(model, table, part, horizon(config.data.target))
    return measure(model, replace(part, x=x), dataset, config)


def _contest_of_predictions(
    challenger: RegisteredModel,
    champion: RegisteredModel | None,
    dataset: Dataset,
    table: Table,
    config: RunConfig,
) -> Contest:
    part = dataset.test
    own = measure(challenger, part, dataset, config)
    other = None if champion is None else measured_on(champion, part, dataset, table, config)
    return Contest(
        own,
        other,
        baselines=_baselines(dataset, own, horizon(config.data.target)),
        curves=_curves(own, other, part, config.evaluation),
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


def _require_same_task(champion: RegisteredModel, challenger: RegisteredModel) -> None:
    theirs, ours = (_task(model) for model in (champion, challenger))
    if theirs != ours:
        raise ConfigError(
            f"{champion.version} is {theirs}, and the new model is {ours}: they cannot be "
            "compared; give it another name"
        )


def _task(model: RegisteredModel) -> str:
    if isinstance(model.model, TradingPolicy):
        return "an agent that trades"
    spec = model.version.card["spec"]
    return f"of task {spec['task']} with {spec['outputs']} output(s)"


def _seen_before(champion: RegisteredModel, part: Part) -> tuple[str, ...]:
    """Whether the champion was trained on rows that it is now measured on."""
    until = champion.version.card.get("trained_until")
    if until is None or part.times is None:
        return ()
    seen = int((part.times <= np.datetime64(until)).sum())
    if not seen:
        return ()
    return (f"the champion was trained on {seen} of the {len(part.x)} held-out rows",)


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
) -> dict[str, list[float]]:
    """Few enough points to be stored with the decision."""
    returns = {"challenger": own.returns, "champion": other.returns if other else None}
    known = {name: values for name, values in returns.items() if values is not None}
    if not known or part.forward_returns is None or config.backtest is None:
        return {}
    held = traded(part, np.ones(len(part.x)), config.backtest.cost_bps)
    return curves_of(known | {"buy_and_hold": held.returns})


def _about(part: Part) -> dict[str, Any]:
    about: dict[str, Any] = {"rows": len(part.x)}
    if part.times is not None:
        about |= dict(zip(("first", "last"), _in_words(part.times[[0, -1]]), strict=True))
    return about


def _moments(found: Contest, part: Part) -> dict[str, Any]:
    """When the points of the curves are, where each bar is a time of the rows."""
    both = (found.challenger, found.champion)
    bars = max((len(one.returns) for one in both if one and one.returns is not None), default=0)
    times = np.unique(part.times) if part.times is not None else np.array([])
    if not found.curves or len(times) != bars:
        return {}
    return {"moments": _in_words(times[points_of(bars)])}


def _in_words(times: Array) -> list[str]:
    return [str(at).removesuffix("T00:00:00") for at in times.astype("datetime64[s]")]
