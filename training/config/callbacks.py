"""The sections `callbacks` and `checkpoints`: who listens, and what is kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Tag, model_validator

from training.config.base import (
    NOT_IDENTITY,
    Count,
    Finite,
    NotNegative,
    Positive,
    PositiveFloat,
    Section,
)
from training.config.choice import CUSTOM, by_type
from training.config.rules import KeepBest, KeepLatest, KeepRule, Mode, SaveRule


class LoggingCallbackConfig(Section):
    """Lines about the progress; there by default."""

    type: Literal["logging"] = "logging"
    enabled: bool = Field(default=True, json_schema_extra=NOT_IDENTITY)
    """False removes it."""
    every_n_epochs: Positive = Field(default=1, json_schema_extra=NOT_IDENTITY)
    """A line after every n-th epoch."""
    every_n_batches: Positive | None = Field(default=None, json_schema_extra=NOT_IDENTITY)
    """Also a line after every n-th batch."""
    file: str | None = Field(default=None, json_schema_extra=NOT_IDENTITY)
    """Append the lines to this file too."""


class EarlyStoppingConfig(Section):
    """Ends the run when a metric no longer gets better (Keras' and Lightning's semantics)."""

    type: Literal["early_stopping"] = "early_stopping"
    monitor: str = "val_loss"
    """The metric that is watched."""
    mode: Mode = "auto"
    """`min`: lower is better; `max`: higher is; `auto`: by the metric's name."""
    patience: Count = 5
    """After this many measurements in a row without getting better the run ends."""
    min_delta: NotNegative = 0.0
    """Less than this is not better."""
    baseline: Finite | None = None
    """Something worse than this value does not count as better."""
    start_from_epoch: Count = 0
    """The metric is not watched before this many epochs are done."""
    restore_best: bool = True
    """End with the weights of the best epoch, whether or not patience ran out."""
    stop_on_nan: bool = True
    """End the run when the metric is not a finite number."""
    divergence_threshold: Finite | None = None
    """End the run at once when the metric is worse than this."""


class CustomCallbackConfig(Section):
    """A class of the user's own; every other key is an argument of its constructor."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:Class`."""


CallbackConfig = Annotated[
    Annotated[LoggingCallbackConfig, Tag("logging")]
    | Annotated[EarlyStoppingConfig, Tag("early_stopping")]
    | Annotated[CustomCallbackConfig, Tag(CUSTOM)],
    by_type("callback", ("logging", "early_stopping"), custom=True),
]


class CheckpointsConfig(Section):
    """When a checkpoint is saved and which are kept; the newest always."""

    every_n_epochs: Positive | None = Field(default=1, json_schema_extra=NOT_IDENTITY)
    """After every n-th epoch; null: only as the other rules say."""
    every_n_batches: Positive | None = Field(default=None, json_schema_extra=NOT_IDENTITY)
    """Inside an epoch, after every n-th batch."""
    every_n_minutes: PositiveFloat | None = Field(default=None, json_schema_extra=NOT_IDENTITY)
    """Inside an epoch, when this much time has passed since the last one."""
    save_best: str | None = Field(default=None, json_schema_extra=NOT_IDENTITY)
    """Also when this metric is better than ever before."""
    mode: Mode = Field(default="auto", json_schema_extra=NOT_IDENTITY)
    """For `save_best`: whether lower or higher is better."""
    save: tuple[SaveRule, ...] = Field(default=(), json_schema_extra=NOT_IDENTITY)
    """Also when any of these rules asks for it."""
    keep: tuple[KeepRule, ...] = Field(
        default=(KeepLatest(n=2), KeepBest(n=1)), json_schema_extra=NOT_IDENTITY
    )
    """A checkpoint that any of these rules names is kept; an empty list keeps all."""
    register_saved: Literal["final", "best", "all"] = Field(
        default="final", alias="register", json_schema_extra=NOT_IDENTITY
    )
    """Which become versions in the registry: the final model alone, also each that was the best
    when it was saved, or also each that was saved."""

    overlap: bool = Field(default=False, json_schema_extra=NOT_IDENTITY)
    """Save while the next epoch is trained, which can pay where a save takes more than 10 ms; a
    second copy of the state is held in memory, and a kill may cost one epoch more."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="after")
    def _overlap_registers_nothing(self) -> CheckpointsConfig:
        if self.overlap and self.register_saved != "final":
            message = (
                f"'register: {self.register_saved}' needs the model as it was saved, and with "
                "'overlap: true' training has gone on by then; choose one of the two"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _best_needs_a_metric(self) -> CheckpointsConfig:
        if self.register_saved == "best" and self.save_best is None:
            message = "'register: best' needs 'save_best', the metric that says which is the best"
            raise ValueError(message)
        return self
