"""What a training gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from training.checkpoints import Row

_COLUMNS = ("epoch", "step", "digest", "learning_rate")

Status = Literal["completed", "already-complete", "failed", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """How a run ended; the same keys as `retrain run --json` prints.

    Attributes:
        run_id: which training.
        status: `completed`, or `already-complete` when there was nothing left to do.
        epochs_completed: epochs trained, by all attempts together.
        stopped_early: whether it ended before its planned epochs.
        stop_reason: why, if so.
        best_epoch: the epoch with the best watched metric; None when there was none.
        metrics: name to number, of the final model (`loss`, `val_loss`, `test_loss`, …).
        checkpoint: `uri` and `digest` of the last epoch's checkpoint.
        model: `name`, `version` and `digest` of the registered model.
        resumed_from: `epoch` and `batch` that this attempt went on from; None: from the start.
        redone_epochs: epochs that an earlier attempt had begun, trained again from their start.
        reason: why it started afresh, went on, or did nothing.
        rows: the history, a row an epoch.
    """

    run_id: str
    status: Status
    epochs_completed: int
    stopped_early: bool
    stop_reason: str | None
    best_epoch: int | None
    metrics: dict[str, float]
    checkpoint: dict[str, str]
    model: dict[str, Any]
    resumed_from: dict[str, int] | None
    redone_epochs: int
    reason: str
    rows: tuple[Row, ...] = field(default=(), repr=False)

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch: index `epoch`; columns `step`, `digest`, and each metric."""
        return history_frame(self.rows)

    def to_json(self) -> dict[str, Any]:
        """Everything but the history, as plain values."""
        names = self.__dataclass_fields__
        return {name: getattr(self, name) for name in names if name != "rows"}


def history_frame(rows: tuple[Row, ...]) -> pd.DataFrame:
    """Rows of a history as a DataFrame; a metric that was not measured is NaN there."""
    import pandas as pd

    flat = [{**row, **row["metrics"]} for row in rows]
    metrics = sorted({name for row in rows for name in row["metrics"]})
    known = [name for name in _COLUMNS if not flat or name in flat[0]]
    return pd.DataFrame(flat, columns=[*known, *metrics]).set_index("epoch")
