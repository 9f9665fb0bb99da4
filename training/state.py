"""How far a training is: small, plain, and in every checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from training.metrics import MetricSums, Monitor


@dataclass(slots=True)
class TrainingState:
    """How far a training is.

    Attributes:
        epoch: epochs done.
        batch: batches done in the epoch after those; 0 between epochs.
        step: optimization steps done in all.
        stop_reason: why the run ended before its planned epochs, if it did.
        best_epoch: the epoch with the best watched metric so far; 0 before any.
        best_value: that metric there.
        sums: the metrics of the running epoch so far.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    stop_reason: str | None = None
    best_epoch: int = 0
    best_value: float | None = None
    sums: MetricSums = field(default_factory=MetricSums)

    def note_best(self, monitor: Monitor, metrics: dict[str, float]) -> None:
        """Remember this epoch if it is the best so far by the watched metric."""
        value = metrics.get(monitor.name)
        if value is not None and monitor.better(value, self.best_value):
            self.best_epoch, self.best_value = self.epoch, value

    def state_dict(self) -> dict[str, Any]:
        """Everything above as plain values."""
        plain = replace(self, sums=MetricSums())
        return {name: value for name, value in asdict(plain).items() if name != "sums"} | {
            "sums": self.sums.state_dict()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        for name, value in state.items():
            if name == "sums":
                self.sums.load_state_dict(value)
            else:
                setattr(self, name, value)


class Control:
    """What callbacks and signals ask of the loop; it looks between batches.

    `pending` is the one attribute that the loop reads after each batch.
    """

    __slots__ = ("pending", "save_reason", "signal_number", "stop_reason")

    def __init__(self) -> None:
        """Ask for nothing."""
        self.clear()

    def clear(self) -> None:
        """Forget what was asked, as at the start of an attempt."""
        self.pending = False
        self.stop_reason: str | None = None
        self.save_reason: str | None = None
        self.signal_number: int | None = None

    def stop(self, reason: str) -> None:
        """End the run after this batch, or after this epoch when asked between batches."""
        self.stop_reason = self.stop_reason or reason
        self.pending = True

    def save(self, reason: str) -> None:
        """Commit a checkpoint here."""
        self.save_reason = self.save_reason or reason
        self.pending = True

    def interrupt(self, signal_number: int) -> None:
        """Finish this batch, commit a checkpoint and leave (from a signal handler)."""
        self.signal_number = signal_number
        self.pending = True

    def take_save(self) -> str | None:
        """The reason of a save that was asked for, which is then no longer asked for."""
        reason, self.save_reason = self.save_reason, None
        self.pending = self.stop_reason is not None or self.signal_number is not None
        return reason


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """A reference to the state after an epoch (or inside one); what travels between tasks.

    Attributes:
        uri: where it is committed; empty while it is only staged in memory.
        epoch: epochs done.
        batch: batches done in the epoch after those; 0 between epochs.
        step: optimization steps done in all.
        digest: of the model's weights alone: equal weights, equal digest.
        metrics: of the last epoch done.
        stop_reason: why the run ends here, if it does before its planned epochs.
        save: the reason why it should be committed; None: no rule asks for it.
    """

    uri: str
    epoch: int
    batch: int
    step: int
    digest: str
    metrics: dict[str, float]
    stop_reason: str | None = None
    save: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a task's result; `CheckpointRef(**ref.to_json())` gives it back."""
        return asdict(self)
