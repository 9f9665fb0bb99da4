"""A callback of one's own: how large the weights are, after every n-th epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.callbacks import CallbackBase, EpochRecord, TrainRecord


class WeightNorm(CallbackBase):
    """Remembers the largest norm that the weights had, and ends the run when it explodes."""

    def __init__(self, every_n_epochs: int = 1, limit: float = 1e6) -> None:
        """Arguments come from the YAML."""
        self.every_n_epochs = every_n_epochs
        self.limit = limit
        self.largest = 0.0

    def on_train_begin(self, record: TrainRecord) -> None:
        """Start clean; when a run is continued, `load_state_dict` follows this."""
        self.largest = 0.0

    def on_epoch_end(self, record: EpochRecord) -> None:
        """Look at the weights, and end the run if need be."""
        if record.epoch % self.every_n_epochs:
            return
        weights = record.model.state_dict()["weights"]
        norm = float(np.sqrt(sum(np.sum(np.square(array)) for array in weights.values())))
        self.largest = max(self.largest, norm)
        if norm > self.limit:
            record.stop(f"the weights' norm is {norm:g}")

    def state_dict(self) -> dict[str, Any]:
        """What must survive an interruption."""
        return {"largest": self.largest}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it over again."""
        self.largest = state["largest"]
