"""The callback: what can listen to a training, in the order in which it is called.

::

    on_train_begin                              once a process that works on the run
      on_epoch_begin                            each epoch
        on_batch_begin, on_batch_end            each batch
        on_validation_begin, on_validation_end  when the validation part is measured
      on_epoch_end                              with all metrics of the epoch
      on_checkpoint_saved                       when a checkpoint was committed
    on_train_end                                once, after the last epoch
    on_exception                                when anything above, or the model, raised
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from training.callbacks.records import (
        BatchRecord,
        CheckpointRecord,
        EpochRecord,
        ErrorRecord,
        TrainRecord,
    )

HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_batch_begin",
    "on_batch_end",
    "on_validation_begin",
    "on_validation_end",
    "on_checkpoint_saved",
    "on_exception",
)


class CallbackBase:
    """Override the hooks that you need; a hook that nobody overrides costs nothing.

    What a callback remembers between calls belongs into `state_dict`, or a resumed run forgets
    it. Counters are set to their start in `on_train_begin`; when a run is continued,
    `load_state_dict` follows it.

    Attributes:
        order: callbacks are called by ascending order, those of equal order as they were given.
            Early stopping has 100 and checkpointing 200, so that what is saved is never a step old.
        best_epoch: an epoch that this callback holds to be the best, for the result.
    """

    order: ClassVar[int] = 0
    best_epoch: int | None = None

    def wants(self, hook: str) -> bool:
        """Whether this hook does anything here; asked once, before the loop."""
        return getattr(type(self), hook) is not getattr(CallbackBase, hook)

    def state_dict(self) -> dict[str, Any]:
        """A copy of what must survive an interruption: arrays and plain values."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave, in this process or another."""

    def identity(self) -> dict[str, Any] | None:
        """What of this callback can change the result, as plain values.

        Override it to add your settings, or to return None when it only listens.
        """
        kind = type(self)
        return {"type": f"{kind.__module__}:{kind.__qualname__}"}

    def on_train_begin(self, record: TrainRecord) -> None:
        """Before the first epoch that this process trains."""

    def on_train_end(self, record: TrainRecord) -> None:
        """After the last epoch; the weights that are left here are evaluated and registered."""

    def on_epoch_begin(self, record: EpochRecord) -> None:
        """Before an epoch's first batch; not called when an epoch is resumed inside."""

    def on_epoch_end(self, record: EpochRecord) -> None:
        """After an epoch's last batch and its validation."""

    def on_batch_begin(self, record: BatchRecord) -> None:
        """Before a step on a batch."""

    def on_batch_end(self, record: BatchRecord) -> None:
        """After a step on a batch."""

    def on_validation_begin(self, record: EpochRecord) -> None:
        """Before the validation part is measured."""

    def on_validation_end(self, record: EpochRecord) -> None:
        """After the validation part was measured."""

    def on_checkpoint_saved(self, record: CheckpointRecord) -> None:
        """After a checkpoint was committed: it survives a power cut from here on."""

    def on_exception(self, record: ErrorRecord) -> None:
        """After an error, before it is raised on."""
