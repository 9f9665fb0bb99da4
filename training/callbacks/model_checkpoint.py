"""The rule of when a checkpoint is saved; the saving itself is done in one other place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from training.callbacks.base import CallbackBase
from training.callbacks.save_rules import Place, look_inside_epochs, reason_to_save
from training.config import CheckpointsConfig
from training.metrics import Monitor

if TYPE_CHECKING:
    from training.callbacks.records import BatchRecord, EpochRecord, Record, TrainRecord


class ModelCheckpointCallback(CallbackBase):
    """Asks for a checkpoint every n epochs, batches or minutes, and at each new best.

    What is kept of them, and which become versions in the registry, is in the same configuration;
    the checkpoint manager and the run read it there.
    """

    order: ClassVar[int] = 200

    def __init__(self, config: CheckpointsConfig | None = None, **settings: Any) -> None:  # noqa: ANN401 - checked by the configuration's own class
        """Take a configuration, or its settings by name (`every_n_epochs=5`).

        Raises:
            ValidationError: a setting is wrong.
        """
        self.config = config or CheckpointsConfig(**settings)
        best = self.config.save_best
        self._monitor = Monitor(best, self.config.mode) if best else None
        self._best: float | None = None
        self._saved_at = time.monotonic()

    def wants(self, hook: str) -> bool:
        """Batches cost nothing unless a rule looks at them."""
        config = self.config
        looks = (
            config.every_n_batches is not None
            or config.every_n_minutes is not None
            or look_inside_epochs(config.save)
        )
        return super().wants(hook) and (hook != "on_batch_end" or looks)

    def identity(self) -> None:
        """When something is saved cannot change it."""

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": self._best} if self._monitor else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the best value of an earlier attempt."""
        self._best = state.get("best")  # none where the rule was added since

    def on_train_begin(self, record: TrainRecord) -> None:
        """Start clean."""
        self._best = None
        self._saved_at = time.monotonic()

    def on_batch_end(self, record: BatchRecord) -> None:
        """Save inside an epoch, but not after its last batch: the epoch's own rule comes next."""
        if record.batch == record.batches:
            return
        every, minutes = self.config.every_n_batches, self.config.every_n_minutes
        if every is not None and record.batch % every == 0:
            record.save(f"every {every} batches")
        elif minutes is not None and time.monotonic() - self._saved_at >= 60 * minutes:
            self._saved_at = time.monotonic()
            record.save(f"every {minutes:g} minutes")
        else:
            self._ask_rules(record, epoch=None)

    def on_epoch_end(self, record: EpochRecord) -> None:
        """Save at a new best, and every n epochs."""
        if self._monitor is not None and self._monitor.name in record.metrics:
            value = self._monitor.value(record.metrics)
            if self._monitor.better(value, self._best):
                self._best = value
                record.save(f"best {self._monitor.name}")
        every = self.config.every_n_epochs
        if every is not None and record.epoch % every == 0:
            self._saved_at = time.monotonic()
            record.save("every epoch" if every == 1 else f"every {every} epochs")
        else:
            self._ask_rules(record, epoch=record.epoch)

    def _ask_rules(self, record: Record, epoch: int | None) -> None:
        now = time.monotonic()
        place = Place(record.step, epoch, now - self._saved_at)
        reason = reason_to_save(self.config.save, place)
        if reason is not None:
            self._saved_at = now
            record.save(reason)
