"""Saving while training goes on."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from training.errors import RetrainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.state import CheckpointRef

    Step: TypeAlias = Callable[[CheckpointRef, dict[str, Any]], CheckpointRef]

logger = logging.getLogger(__name__)


class Ahead:
    """A checkpoint that is written by a thread while the next epoch is trained.

    Attributes:
        prepared: the reference with all that is known of it, as soon as it is.
    """

    def __init__(
        self,
        ref: CheckpointRef,
        tree: dict[str, Any],
        prepare: Step,
        write: Step,
    ) -> None:
        """Begin to write; the state must be a copy that nobody changes.

        Args:
            ref: what it is the state of.
            tree: the state.
            prepare: done first; what it needs of the training must not change meanwhile.
            write: done then, while training changes what it likes.
        """
        self.ref = ref
        self.tree = tree
        self.prepared: CheckpointRef | None = None
        self._steps = (prepare, write)
        self._committed: CheckpointRef | None = None
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._run, name="save-ahead")
        self._thread.start()

    def is_prepared(self) -> bool:
        """Wait until it is prepared, or that has failed."""
        self._tried.wait()
        return self.prepared is not None

    def wait(self) -> CheckpointRef | None:
        """The committed checkpoint; None if it failed, which is logged."""
        self._thread.join()
        return self._committed

    def _run(self) -> None:
        prepare, write = self._steps
        try:
            try:
                prepared = self.prepared = prepare(self.ref, self.tree)
            finally:
                self._tried.set()
            self._committed = write(prepared, self.tree)
        except RetrainError as error:
            logger.warning("saving ahead failed, and is tried again: %s", error)
