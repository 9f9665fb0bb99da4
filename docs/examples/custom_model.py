"""A model of one's own: the class whose mean is nearer, with means that move slowly."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.types import Array, Batch, ModelSpec


class NearestMean:
    """Two means, one for each class; a row belongs to the nearer one."""

    def __init__(self, spec: ModelSpec, momentum: float = 0.9) -> None:
        """`spec` says what the task is; other arguments come from the YAML."""
        self.momentum = momentum
        self.means = np.zeros((2, spec.inputs), dtype=spec.dtype)

    def train_on_batch(self, batch: Batch) -> dict[str, float]:
        """One step; the metrics are as they were before it."""
        metrics = self.evaluate_on_batch(batch)
        for label in (0, 1):
            rows = batch.x[batch.y == label]
            if len(rows):
                step = rows.mean(axis=0) - self.means[label]
                self.means[label] += (1 - self.momentum) * step
        return metrics

    def evaluate_on_batch(self, batch: Batch) -> dict[str, float]:
        """The same metrics, without learning."""
        chance = np.clip(self.predict(batch.x), 1e-6, 1 - 1e-6).astype(np.float64)
        loss = -np.where(batch.y == 1, np.log(chance), np.log(1 - chance)).mean()
        accuracy = ((chance > 0.5) == (batch.y == 1)).mean()
        return {"loss": float(loss), "accuracy": float(accuracy)}

    def predict(self, x: Array) -> Array:
        """The probability of class 1, from the distances to both means."""
        away = np.square(x[:, None, :] - self.means).sum(axis=2)
        chances: Array = 1 / (1 + np.exp(np.clip(away[:, 1] - away[:, 0], -30, 30)))
        return chances

    def state_dict(self) -> dict[str, Any]:
        """`weights` is what predictions depend on; there is nothing else to remember."""
        return {"weights": {"means": self.means.copy()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it over again, into the arrays that are there."""
        self.means[...] = state["weights"]["means"]
