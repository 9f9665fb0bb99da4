"""Saving while training goes on."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from training.errors import RetrainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.state import CheckpointRef

logger = logging.getLogger(__name__)


class Ahead:
    """A checkpoint that is written by a thread while the next epoch is trained."""

    def __init__(
        self,
        ref: CheckpointRef,
        tree: dict[str, Any],
        write: Callable[[CheckpointRef, dict[str, Any]], CheckpointRef],
    ) -> None:
        """Begin to write; the state must be a copy that nobody changes."""
        self.ref = ref
        self.tree = tree
        self._write = write
        self._committed: CheckpointRef | None = None
        self._thread = threading.Thread(target=self._run, name="save-ahead")
        self._thread.start()

    def wait(self) -> CheckpointRef | None:
        """The committed checkpoint; None if it failed, which is logged."""
        self._thread.join()
        return self._committed

    def _run(self) -> None:
        try:
            self._committed = self._write(self.ref, self.tree)
        except RetrainError as error:
            logger.warning("saving ahead failed, and is tried again: %s", error)
