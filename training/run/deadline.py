"""The limit of an epoch's time, looked at between batches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from training.callbacks import CallbackBase
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.callbacks import BatchRecord, EpochRecord, TrainRecord


class EpochDeadline(CallbackBase):
    """Fails an epoch that takes too long; it is then tried again from its checkpoint."""

    order: ClassVar[int] = 300

    def __init__(self, seconds: float | None) -> None:
        """`seconds` an epoch may take; None: as long as it likes, at no cost."""
        self._seconds = seconds
        self._began = time.monotonic()

    def wants(self, hook: str) -> bool:
        """Nothing, where there is no limit."""
        return self._seconds is not None and super().wants(hook)

    def identity(self) -> None:
        """How long it may take changes no result."""

    def on_train_begin(self, record: TrainRecord) -> None:
        """An epoch that is resumed inside begins here."""
        self._began = time.monotonic()

    def on_epoch_begin(self, record: EpochRecord) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_batch_end(self, record: BatchRecord) -> None:
        """Look at it.

        Raises:
            TrainingError: the epoch took too long.
        """
        if self._seconds is not None and time.monotonic() - self._began > self._seconds:
            raise TrainingError(
                f"epoch {record.epoch} took longer than execution.epoch_timeout_seconds = "
                f"{self._seconds:g}, and was stopped after batch {record.batch} of "
                f"{record.batches}; give it more time, or look at what holds it up"
            )
