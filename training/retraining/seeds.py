"""Several models of one candidate, which differ in their seed alone.

How good a model is depends on its seed too. Trained with several, a candidate shows how much: the
seed whose model is best on the validation part is the challenger, and a rule of promotion may ask
for the median or the worst of all seeds instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from training.metrics import Monitor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from training.registry import ModelRegistry
    from training.run import TrainingRun

CHOSEN_BY = (Monitor("val_reward"), Monitor("val_loss"))
"""The first that is measured: of an agent its reward."""
EVENTS = ("model.registered", "training.stopped-early")


@dataclass(frozen=True, slots=True)
class Seeds:
    """What came of each seed.

    Attributes:
        runs: the trainings, the configuration's own seed first.
        chosen: the one whose model is the challenger.
    """

    runs: tuple[TrainingRun, ...]
    chosen: TrainingRun

    @classmethod
    def of(cls, runs: Iterable[TrainingRun]) -> Seeds:
        """Choose by the validation part; the first one where nothing is held out."""
        trained = tuple(runs)
        return cls(trained, min(trained, key=_badness))

    @property
    def values(self) -> dict[str, tuple[float, ...]]:
        """What each seed's model measures, of the metrics that all of them have."""
        every = [run.result.metrics for run in self.runs]
        return {
            name: tuple(metrics[name] for metrics in every)
            for name in every[0]
            if all(name in metrics for metrics in every)
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values; empty with a single seed."""
        if len(self.runs) == 1:
            return {}
        return {
            "seeds": [run.config.training.seed for run in self.runs],
            "chosen": self.chosen.config.training.seed,
            "metrics": {
                name: {"median": median(found), "lowest": min(found), "highest": max(found)}
                for name, found in self.values.items()
            },
        }

    def drop_others(self, registry: ModelRegistry) -> None:
        """Take the models that were not chosen out of the registry, unannounced.

        Again is no error; one that an alias has been given stays.
        """
        keep = self.chosen.result.model
        for run in self.runs:
            model = run.result.model
            if model["version"] == keep["version"]:
                continue
            if model["version"] in registry.aliases(model["name"]).values():
                continue
            for event in EVENTS:
                run.record.note_announced(event)
            if model["version"] not in registry.numbers(model["name"]):
                continue
            why = f"seed {run.config.training.seed} was not chosen: v{keep['version']} is better"
            registry.delete(model["name"], model["version"], why=why, who=f"run {run.run_id}")


def _badness(run: TrainingRun) -> float:
    """Lower is better."""
    metrics = run.result.metrics
    for monitor in CHOSEN_BY:
        value = metrics.get(monitor.name)
        if value is not None:
            return value if monitor.lower_is_better else -value
    return math.inf
