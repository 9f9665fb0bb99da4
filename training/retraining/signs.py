"""Signs that a model should be trained again: drift of its inputs, decay of its own metric."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.checking.drift import drifts
from training.metrics import Monitor
from training.registry.promotion import DecisionLog, measured_on

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.config.retraining import DecaySign, DriftSign
    from training.data import Part
    from training.registry import ModelRegistry, RegisteredModel
    from training.run import TrainingRun
    from training.types import Array


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for training again.

    Attributes:
        seen: `drift`, `decay`, both or none.
        sentences: what was found, with the figures, for a person.
        features: name, distance, what is usual, whether it drifted; none: too little of a past.
    """

    seen: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    features: tuple[dict[str, Any], ...] = field(default=())

    def of(self, wanted: Collection[str]) -> tuple[str, ...]:
        """Those that are asked for."""
        return tuple(one for one in self.seen if one in wanted)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: list(value) for name, value in asdict(self).items()}


def look_for_signs(
    run: TrainingRun, champion: RegisteredModel | None, registry: ModelRegistry
) -> Signs:
    """Look at the newest rows, and at the champion on those that it has not seen.

    Args:
        run: with its data read.
        champion: in production; None: there is none.
        registry: where it stands what the champion promised.

    Raises:
        ConfigError: the champion says something else than this model would.
        DataError: its features cannot be made of these rows.
    """
    config = run.config.retraining
    signs = _drift(run, config.drift)
    if champion is None:
        return signs
    decay = _decay(run, champion, registry, config.decay)
    if decay is None:
        return signs
    decayed, sentence = decay
    seen = (*signs.seen, "decay") if decayed else signs.seen
    return Signs(seen, (*signs.sentences, sentence), signs.features)


def drift_signs(values: Array, names: Collection[str], config: DriftSign) -> Signs:
    """Whether the newest rows of features are unlike those before.

    Args:
        values: shape (rows, features), oldest first, without missing values.
        names: of the features.
        config: what counts as drift.
    """
    found = drifts(
        values,
        list(names),
        rows=config.rows,
        quantile=config.quantile,
        statistic=config.statistic,
    )
    if not found:
        return Signs(sentences=("too few rows to say what drift would be",))
    count = sum(one.drifted for one in found)
    drifted = count >= max(config.features * len(found), 1)
    sentence = (
        f"{count} of {len(found)} features of the last {config.rows} rows are unlike those before"
    )
    features = tuple({**asdict(one), "drifted": one.drifted} for one in found)
    return Signs(("drift",) if drifted else (), (sentence,), features)


def _drift(run: TrainingRun, config: DriftSign) -> Signs:
    pipeline, table = run.data.pipeline, run.table
    assert table is not None  # noqa: S101 - who asks has read it
    values = pipeline.compute(table.frame, table.time)[pipeline.warm_up :]
    return drift_signs(values, pipeline.names, config)


def _decay(
    run: TrainingRun, champion: RegisteredModel, registry: ModelRegistry, config: DecaySign
) -> tuple[bool, str] | None:
    """Whether the champion is worse on new rows than it promised; None: nobody can say."""
    part, table = _unseen(run.data.test, champion), run.table
    if part is None or len(part.x) < max(config.rows, 2) or table is None:
        return None
    measured = measured_on(champion, part, run.data, table, run.config)
    live = measured.metrics.get(config.metric)
    promised = _promised(champion, registry).get(config.metric)
    if live is None or promised is None:
        return None
    monitor = Monitor(config.metric, config.mode)
    loss = live - promised if monitor.lower_is_better else promised - live
    decayed = loss > config.by * abs(promised)
    sentence = (
        f"{config.metric} of {champion.version} is {live:.6g} on {len(part.x)} new rows, and was "
        f"{promised:.6g} when it was promoted ({config.by:.0%} worse is allowed)"
    )
    return decayed, sentence


def _unseen(part: Part, champion: RegisteredModel) -> Part | None:
    """The rows after all that was known when the champion was made."""
    import pandas as pd

    last = champion.version.card["data"].get("last")
    if last is None or part.times is None:
        return None
    moment = pd.Timestamp(last).tz_localize(None).to_datetime64()
    first = int(np.searchsorted(part.times, moment, side="right"))
    return part.rows(slice(first, None))


def _promised(champion: RegisteredModel, registry: ModelRegistry) -> dict[str, float]:
    decision = DecisionLog(registry, champion.version).last()
    if decision is None:
        return champion.version.metrics
    return decision.metrics["challenger"]
