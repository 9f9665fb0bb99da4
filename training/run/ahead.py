"""Saving while training goes on."""

from __future__ import annotations

import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from training.errors import RetrainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.state import CheckpointRef

    Step: TypeAlias = Callable[[CheckpointRef, dict[str, Any]], CheckpointRef]

_NICENESS = 5
"""Of the saving thread beside the training one: a third of its weight where both want one core."""

_HEAD_START = 0.02
"""Seconds that saving waits, unless it is waited for itself: what stands between two epochs would
have to share a core with it, and the batches that follow do not mind."""

logger = logging.getLogger(__name__)


def saver() -> ThreadPoolExecutor:
    """A thread that saves, and gives way to the one that trains.

    It stays from save to save: to start one anew the training would wait until it runs.
    """
    return ThreadPoolExecutor(1, "save-ahead", initializer=_give_way)


def _give_way() -> None:
    if sys.platform == "linux":  # where a thread has a niceness of its own
        with suppress(OSError):  # a sandbox may refuse it: then both are alike, and all is saved
            os.nice(_NICENESS)


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
        saver: ThreadPoolExecutor,
    ) -> None:
        """Begin to write; the state must be a copy that nobody changes.

        Args:
            ref: what it is the state of.
            tree: the state.
            prepare: done first; what it needs of the training must not change meanwhile.
            write: done then, while training changes what it likes.
            saver: the thread.
        """
        self.ref = ref
        self.tree = tree
        self.prepared: CheckpointRef | None = None
        self._steps = (prepare, write)
        self._committed: CheckpointRef | None = None
        self._asked = threading.Event()
        self._tried = threading.Event()
        self._done = saver.submit(self._run)

    def is_prepared(self) -> bool:
        """Wait until it is prepared, or that has failed."""
        self._asked.set()
        self._tried.wait()
        return self.prepared is not None

    def wait(self) -> CheckpointRef | None:
        """The committed checkpoint; None if it failed, which is logged."""
        self._asked.set()
        wait([self._done])
        return self._committed

    def _run(self) -> None:
        prepare, write = self._steps
        self._asked.wait(_HEAD_START)
        try:
            try:
                prepared = self.prepared = prepare(self.ref, self.tree)
            finally:
                self._tried.set()
            self._committed = write(prepared, self.tree)
        except Exception as error:  # who waits for it tries again, and raises there
            unknown = not isinstance(error, RetrainError)
            logger.warning("saving ahead failed, and is tried again: %s", error, exc_info=unknown)
