"""When to save a checkpoint and which to keep: small rules; what any of them names is done.

The names and meanings are those of Orbax's save decision and preservation policies.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from training.config.base import Positive, PositiveFloat, Section
from training.config.choice import by_type

Mode = Literal["auto", "min", "max"]
Steps = Annotated[tuple[Positive, ...], Field(min_length=1)]


class KeepAll(Section):
    """Keep all (Orbax: PreserveAll)."""

    type: Literal["all"] = "all"


class KeepLatest(Section):
    """Keep the newest n (Orbax: LatestN)."""

    type: Literal["latest"] = "latest"
    n: Positive = 2


class KeepBest(Section):
    """Keep the n best by a metric, between epochs (Orbax: BestN)."""

    type: Literal["best"] = "best"
    n: Positive = 1
    monitor: str = "val_loss"
    """The metric."""
    mode: Mode = "auto"
    """`min`: lower is better; `max`: higher is; `auto`: by the metric's name."""
    keep_without_metric: bool = False
    """Keep those too for which the metric was not measured."""


class KeepEvery(Section):
    """Keep those after every n-th epoch."""

    type: Literal["every"] = "every"
    n: Positive = 10


class KeepEveryNSteps(Section):
    """Keep those at every n-th optimization step (Orbax: EveryNSteps)."""

    type: Literal["every_n_steps"] = "every_n_steps"
    n: Positive
    exact: bool = True
    """Only those at a multiple of n; false: each that is n steps or more after the last kept."""


class KeepEveryNSeconds(Section):
    """Keep each that was saved this long or longer after the last kept (Orbax: EveryNSeconds)."""

    type: Literal["every_n_seconds"] = "every_n_seconds"
    seconds: PositiveFloat


class KeepCustomSteps(Section):
    """Keep those at these optimization steps (Orbax: CustomSteps)."""

    type: Literal["custom_steps"] = "custom_steps"
    steps: Steps


class KeepAnyOf(Section):
    """Keep what any of these rules names (Orbax: AnyPreservationPolicy)."""

    type: Literal["any_of"] = "any_of"
    rules: tuple[KeepRule, ...] = Field(min_length=1)


KeepRule = Annotated[
    Annotated[KeepAll, Tag("all")]
    | Annotated[KeepLatest, Tag("latest")]
    | Annotated[KeepBest, Tag("best")]
    | Annotated[KeepEvery, Tag("every")]
    | Annotated[KeepEveryNSteps, Tag("every_n_steps")]
    | Annotated[KeepEveryNSeconds, Tag("every_n_seconds")]
    | Annotated[KeepCustomSteps, Tag("custom_steps")]
    | Annotated[KeepAnyOf, Tag("any_of")],
    by_type(
        "rule of what to keep",
        (
            "all",
            "latest",
            "best",
            "every",
            "every_n_steps",
            "every_n_seconds",
            "custom_steps",
            "any_of",
        ),
    ),
]


class SaveEveryNEpochs(Section):
    """After every n-th epoch."""

    type: Literal["every_n_epochs"] = "every_n_epochs"
    n: Positive


class SaveEveryNSteps(Section):
    """At every n-th optimization step, inside an epoch too (Orbax: FixedIntervalPolicy)."""

    type: Literal["every_n_steps"] = "every_n_steps"
    n: Positive


class SaveEveryNSeconds(Section):
    """When this much time has passed since the last one (Orbax: ContinuousCheckpointingPolicy)."""

    type: Literal["every_n_seconds"] = "every_n_seconds"
    seconds: PositiveFloat


class SaveCustomSteps(Section):
    """At these optimization steps (Orbax: SpecificStepsPolicy)."""

    type: Literal["custom_steps"] = "custom_steps"
    steps: Steps


class SaveAnyOf(Section):
    """When any of these rules asks for it (Orbax: AnySavePolicy)."""

    type: Literal["any_of"] = "any_of"
    rules: tuple[SaveRule, ...] = Field(min_length=1)


SaveRule = Annotated[
    Annotated[SaveEveryNEpochs, Tag("every_n_epochs")]
    | Annotated[SaveEveryNSteps, Tag("every_n_steps")]
    | Annotated[SaveEveryNSeconds, Tag("every_n_seconds")]
    | Annotated[SaveCustomSteps, Tag("custom_steps")]
    | Annotated[SaveAnyOf, Tag("any_of")],
    by_type(
        "rule of when to save",
        ("every_n_epochs", "every_n_steps", "every_n_seconds", "custom_steps", "any_of"),
    ),
]
