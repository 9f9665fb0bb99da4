"""A row together with the rows before it, without copying any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.types import Array


def as_windows(x: Array, window: int | None) -> Array:
    """Each row with those before it, as a view: shape (rows, window, features), oldest first.

    The first `window` - 1 rows have none, so theirs begin with NaN and are to be left out.

    Args:
        x: shape (rows, features).
        window: rows in each; None gives `x` itself.
    """
    if window is None:
        return x
    none = np.full((window - 1, x.shape[1]), np.nan, x.dtype)
    padded = np.concatenate([none, x])
    return np.lib.stride_tricks.sliding_window_view(padded, window, axis=0).swapaxes(1, 2)
