"""Copies of a model's state that are written while training goes on, in memory that is used again.

Memory that a process gets anew costs as much as the copy itself: the system clears each page of it.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from training.types import Segmented

if TYPE_CHECKING:
    from training.types import StateTree


class Snapshots:
    """Up to two copies: one that is being written, one that is taken meanwhile."""

    def __init__(self) -> None:
        """Hold no memory yet."""
        self._kept: list[StateTree] = []

    def take(self, live: StateTree, busy: StateTree = None) -> Any:  # noqa: ANN401 - any state
        """A copy of a state; it stays right until the next but one is taken.

        Args:
            live: arrays that training changes, and plain values.
            busy: a copy that is still being written, which is left as it is.
        """
        free = next((tree for tree in self._kept if tree is not busy), None)
        taken = _copied(live, free)
        self._kept = [tree for tree in self._kept if tree is busy] + [taken]
        return taken

    def forget(self) -> None:
        """Give the memory back."""
        self._kept = []


def _copied(live: StateTree, free: StateTree) -> Any:  # noqa: ANN401 - any state
    """The arrays of `live` in those of `free`, where they fit."""
    if isinstance(live, dict):
        named = free if isinstance(free, dict) else {}
        return {key: _copied(value, named.get(key)) for key, value in live.items()}
    if isinstance(live, list):
        listed = free if isinstance(free, list) else []
        return [_copied(value, one) for value, one in zip_longest(live, listed[: len(live)])]
    if isinstance(live, Segmented):
        held = free.array if isinstance(free, Segmented) else None
        return Segmented(_copied(live.array, held), live.rows)
    if not isinstance(live, np.ndarray):
        return live
    if isinstance(free, np.ndarray) and (free.shape, free.dtype) == (live.shape, live.dtype):
        np.copyto(free, live)
        return free
    return live.copy()
