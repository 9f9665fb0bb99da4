"""What a run writes down while it trains, besides its checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from training.callbacks import CallbackBase
from training.run.finish import card

if TYPE_CHECKING:
    from training.callbacks import CheckpointRecord, EpochRecord
    from training.run.run import TrainingRun
    from training.run.session import Session
    from training.state import CheckpointRef


class RunKeeper(CallbackBase):
    """Notes which epoch is begun, and registers what `checkpoints.register` asks for."""

    order: ClassVar[int] = 300

    def __init__(self, run: TrainingRun) -> None:
        """Keep the records of this run."""
        self._run = run
        self._rule = run.config.checkpoints.register_saved

    def wants(self, hook: str) -> bool:
        """Saved checkpoints only matter where a rule registers them."""
        return super().wants(hook) and (hook != "on_checkpoint_saved" or self._rule != "final")

    def identity(self) -> None:
        """It only listens."""

    def on_epoch_begin(self, record: EpochRecord) -> None:
        """Note it, so that a later attempt can say what it does again."""
        self._run.record.note_progress(record.epoch)

    def on_checkpoint_saved(self, record: CheckpointRecord) -> None:
        """Register it, if the rule says so."""
        self._register(record.checkpoint)

    def catch_up(self, ref: CheckpointRef) -> None:
        """Register what was saved right before an earlier attempt died."""
        if self._rule != "final":
            self._register(ref)

    def _register(self, ref: CheckpointRef) -> None:
        is_best = (ref.save or "").startswith("best ")
        if ref.batch or ref.epoch == 0 or (self._rule == "best" and not is_best):
            return
        run, session = self._run, self._run.session
        run.registry.save_model(
            run.config.name,
            session.model.state_dict()["weights"],
            run.data.pipeline.state_dict(),
            card(run, session, dict(ref.metrics)),
            stage=f"epoch-{ref.epoch}",
        )


def redone_epochs(begun: int, session: Session) -> int:
    """Epochs that an earlier attempt had begun and that are trained again from their start.

    Args:
        begun: the last epoch that an earlier attempt is known to have begun.
        session: as it was restored.
    """
    going_on_inside = 1 if session.state.batch else 0
    return max(0, begun - session.state.epoch - going_on_inside)
