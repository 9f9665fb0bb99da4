"""Sums over the symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.types import Array


def total(values: Array) -> Array:
    """The sum over the symbols, shape (environments,); of one symbol a view, which costs nothing.

    Each environment's sum is added up in the same order, however many there are beside it.
    """
    if values.shape[1] == 1:
        return values[:, 0]
    found: Array = np.add.reduce(values, axis=1)
    return found
