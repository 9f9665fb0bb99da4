"""Loss and metrics of predictions, in float64: what a `Model` measures on a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.types import Array, TaskKind


def score(
    predictions: Array, y: Array, weight: Array | None, task: TaskKind, *, chances: bool
) -> dict[str, float]:
    """`loss` with `mae` for values, with `accuracy` for classes; means over the rows.

    Args:
        predictions: as `Model.predict` gives them.
        y: targets, shape (rows,) or (rows, outputs); classes as whole numbers from 0.
        weight: shape (rows,); None: all rows count the same.
        task: what the targets are.
        chances: whether the predictions of classes are probabilities, so that the loss is the
            cross-entropy (clipped by the precision, as scikit-learn's log_loss does); else they
            are votes, and the loss is the share of rows that are wrong.
    """
    share = np.ones(len(y)) if weight is None else weight.astype(np.float64)
    found = predictions.astype(np.float64)
    if task == "regression":
        away = np.abs(found - y).reshape(len(y), -1)
        rows = {"loss": np.square(away).mean(axis=1), "mae": away.mean(axis=1)}
    else:
        several = found.ndim > 1
        right = (found.argmax(axis=1) if several else found > 0.5) == y  # noqa: PLR2004 - even odds
        small = np.finfo(predictions.dtype).eps
        of_class = found[np.arange(len(y)), y] if several else np.where(y == 1, found, 1 - found)
        loss = -np.log(np.clip(of_class, small, 1 - small)) if chances else ~right
        rows = {"loss": loss, "accuracy": right}
    return {name: float(np.average(values, weights=share)) for name, values in rows.items()}
