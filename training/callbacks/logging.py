"""Lines about the progress, through the standard library's logging."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from training.callbacks.base import CallbackBase
from training.metrics import format_metrics

if TYPE_CHECKING:
    from training.callbacks.records import (
        BatchRecord,
        EpochRecord,
        ErrorRecord,
        TrainRecord,
    )

LOGGER_NAME = "training.progress"


class LoggingCallback(CallbackBase):
    """A line an epoch, and every n batches if wanted; there by default.

    Lines go to the logger `training.progress`, so that the console, a file and the UI of an
    orchestrator get them in the way that their owner set up.
    """

    def __init__(
        self,
        every_n_epochs: int = 1,
        every_n_batches: int | None = None,
        file: str | None = None,
    ) -> None:
        """Say how often; `file` gets the lines too (appended, UTF-8)."""
        self.every_n_epochs = every_n_epochs
        self.every_n_batches = every_n_batches
        self.file = file
        self._logger = logging.getLogger(LOGGER_NAME)
        self._handler: logging.FileHandler | None = None

    def wants(self, hook: str) -> bool:
        """Batches cost nothing unless they are asked for."""
        return super().wants(hook) and (hook != "on_batch_end" or self.every_n_batches is not None)

    def identity(self) -> None:
        """It only listens."""

    def on_train_begin(self, record: TrainRecord) -> None:
        """Say what begins, or goes on."""
        if self.file is not None and self._handler is None:
            self._handler = logging.FileHandler(self.file, encoding="utf-8")
            self._handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
            self._logger.addHandler(self._handler)
        verb = f"goes on after epoch {record.epoch}" if record.epoch else "begins"
        self._say(f"run {record.run_id} {verb}: {record.epochs} epochs of {record.batches} batches")

    def on_batch_end(self, record: BatchRecord) -> None:
        """Say how a batch went, every n batches."""
        if self.every_n_batches and record.batch % self.every_n_batches == 0:
            at = f"epoch {record.epoch}/{record.epochs} batch {record.batch}/{record.batches}"
            self._say(f"{at}  {format_metrics(record.metrics)}")

    def on_epoch_end(self, record: EpochRecord) -> None:
        """Say how an epoch went, every n epochs, and warn of what is not a finite number."""
        last = record.epoch == record.epochs
        if last or record.epoch % self.every_n_epochs == 0:
            at = f"epoch {record.epoch}/{record.epochs}"
            self._say(f"{at}  {format_metrics(record.metrics)}  ({record.seconds:.2f} s)")
        wrong = [name for name, value in record.metrics.items() if not math.isfinite(value)]
        if wrong:
            self._logger.warning("epoch %d: not finite: %s", record.epoch, ", ".join(wrong))

    def on_train_end(self, record: TrainRecord) -> None:
        """Say why the run ended, and let go of the file."""
        if record.stop_reason:
            self._say(f"stopped after epoch {record.epoch}: {record.stop_reason}")
        self._close()

    def on_exception(self, record: ErrorRecord) -> None:
        """Let go of the file; the error itself is reported by who catches it."""
        self._close()

    def _say(self, line: str) -> None:
        self._logger.info(line)

    def _close(self) -> None:
        if self._handler is not None:
            self._logger.removeHandler(self._handler)
            self._handler.close()
            self._handler = None
