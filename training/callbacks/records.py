"""The frozen records that hooks receive: what happened, and the one verb to end the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from training.errors import MetricError
from training.metrics import number

if TYPE_CHECKING:
    from training.models import Model
    from training.state import CheckpointRef, Control
    from training.types import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every record has.

    Attributes:
        run_id: which training.
        epochs: how many are planned.
        epoch: the epoch that is spoken of, from 1; at the begin and end of training, epochs done.
        step: optimization steps done in all.
        model: the model; a callback may read it, and restore weights at the end of training.
    """

    run_id: str
    epochs: int
    epoch: int
    step: int
    model: Model = field(repr=False)
    control: Control = field(repr=False)

    def stop(self, reason: str) -> None:
        """End the run: after this batch, or after this epoch when called between batches."""
        self.control.stop(reason)

    def save(self, reason: str) -> None:
        """Have a checkpoint committed here."""
        self.control.save(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRecord(Record):
    """Of `on_train_begin` and `on_train_end`.

    Attributes:
        batches: batches an epoch.
        validates: whether there is a validation part, and so metrics with `val_`.
        resumed: whether the state comes from a checkpoint of an earlier attempt.
        stop_reason: why the run ended before its planned epochs, if it did.
    """

    batches: int
    validates: bool = False
    resumed: bool = False
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord(Record):
    """Of `on_epoch_begin`, `on_epoch_end`, `on_validation_begin` and `on_validation_end`.

    Attributes:
        seconds: what the epoch took so far; no part of any saved state.
    """

    seconds: float = 0.0
    measured: dict[str, float] = field(default_factory=dict, repr=False)

    @property
    def metrics(self) -> Metrics:
        """Means over the epoch, those of validation with `val_` before their names.

        Empty at the begin, and without those not measured.
        """
        return MappingProxyType(self.measured)

    def log(self, name: str, value: float) -> None:
        """Add a metric of one's own: to the history, and for the callbacks called after this one.

        Raises:
            MetricError: the value is not a number, or the name is taken.
        """
        if name in self.measured:
            raise MetricError(f"the metric {name!r} is measured already; log it under another name")
        self.measured[name] = number(name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord(Record):
    """Of `on_batch_begin` and `on_batch_end`.

    Attributes:
        batch: the batch that is spoken of, from 1.
        batches: batches an epoch.
        size: rows of this batch.
        metrics: of this batch alone; empty at the begin.
    """

    batch: int
    batches: int
    size: int
    metrics: Metrics = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRecord(Record):
    """Of `on_checkpoint_saved`.

    Attributes:
        checkpoint: what was committed, and where.
        reason: which rule asked for it.
    """

    checkpoint: CheckpointRef
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord(Record):
    """Of `on_exception`.

    Attributes:
        error: what was raised; it is raised on after the hooks.
    """

    error: BaseException
