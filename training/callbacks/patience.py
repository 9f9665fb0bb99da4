"""The rule of patience, apart from any loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.metrics import Monitor


@dataclass(slots=True)
class Patience:
    """Counts how often in a row a watched metric did not get better.

    Attributes:
        monitor: the metric, and which of two values is better.
        patience: after this many measurements in a row without getting better it ends; 0 is as 1.
        min_delta: less than this is not better.
        baseline: something worse than this value does not count as better.
        best: the best value so far.
        best_epoch: the epoch that it is from; 0 before any.
        waited: measurements since then.
    """

    monitor: Monitor
    patience: int
    min_delta: float = 0.0
    baseline: float | None = None
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0

    def measure(self, value: float, epoch: int) -> bool:
        """Take a measurement in; whether it is the best so far."""
        beats_baseline = self.baseline is None or self.monitor.better(value, self.baseline)
        if beats_baseline and self.monitor.better(value, self.best, self.min_delta):
            self.best, self.best_epoch, self.waited = value, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out (Keras: `wait >= patience`)."""
        return self.waited > 0 and self.waited >= self.patience

    def diverged(self, value: float, threshold: float | None) -> bool:
        """Whether a value is worse than the threshold."""
        if threshold is None or math.isnan(value):
            return False
        return self.monitor.better(threshold, value)
