"""The alarm when an epoch takes far longer than those before it: while it does, not afterwards.

A thread looks now and then; the loop itself only notes when an epoch began, so that an epoch costs
what it did. The alarm is a line in the log, an artifact and the event `training.slow-epoch`, once
an epoch; it never ends a training.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from typing import TYPE_CHECKING, Self

from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from flows.pace import Pace, in_words
from flows.showing import artifact_key, at_once, try_to_show

if TYPE_CHECKING:
    from types import TracebackType

    from training.run import TrainingRun

SECONDS_BETWEEN = 1.0
EVENT = "training.slow-epoch"

logger = logging.getLogger(__name__)


class SlowEpochAlarm:
    """Watches the epochs of one run, from the beginning of its `with` block to the end.

    Attributes:
        pace: how long epochs took.
    """

    def __init__(self, run: TrainingRun, flow_run_id: str | None = None) -> None:
        """Nothing is watched before the `with` block.

        Args:
            run: whose epochs.
            flow_run_id: the flow run that trains it, for who gets the event.
        """
        self.pace = Pace()
        self._run = run
        self._flow_run_id = flow_run_id
        self._began = (0, 1, time.monotonic())
        self._told = 0
        self._over = threading.Event()
        context = contextvars.copy_context()  # Prefect finds the flow run by it
        self._thread = threading.Thread(target=context.run, args=(self._watch,), daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Watch no more; a message that is under way is not waited for."""
        self._over.set()

    def begins(self, epoch: int, epochs: int = 1) -> None:
        """Epochs begin to be trained.

        Args:
            epoch: the last of them.
            epochs: how many they are.
        """
        self._began = (epoch, epochs, time.monotonic())

    def ended(self) -> None:
        """They are done."""
        epoch, epochs, began = self._began
        if epoch:
            self.pace.note(time.monotonic() - began, epochs)
        self._began = (0, 1, began)

    def _watch(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN):
            epoch, epochs, began = self._began
            limit = self.pace.limit(epochs)
            took = time.monotonic() - began
            if epoch > self._told and limit is not None and took > limit:
                self._told = epoch
                self._tell(epoch, took, limit / epochs)

    def _tell(self, epoch: int, took: float, limit: float) -> None:
        usual = self.pace.usual or 0.0
        logger.warning(
            "epoch %d has taken %s, and %s is usual: the machine is busy, the disk or the network "
            "is slow, or it hangs; execution.epoch_timeout_seconds would end such an epoch",
            epoch, in_words(took), in_words(usual),
        )  # fmt: skip
        with at_once():
            try_to_show(
                lambda: self._show(epoch, took, usual), lambda: self._emit(epoch, took, limit)
            )

    def _show(self, epoch: int, took: float, usual: float) -> None:
        run = self._run
        text = (
            f"# Epoch {epoch} takes far longer than those before it\n\n"
            f"Run `{run.run_id}`: {in_words(took)} so far, and {in_words(usual)} is usual.\n\n"
            "Look whether the machine is busy, the disk or the network slow, or whether it hangs. "
            "It goes on by itself where it can; `execution.epoch_timeout_seconds` ends an epoch "
            "that takes too long, and it is tried again."
        )
        key = f"{artifact_key(run.config.name)}-slow-epoch"
        create_markdown_artifact(markdown=text, key=key, description=f"Slow: run {run.run_id}")

    def _emit(self, epoch: int, took: float, limit: float) -> None:
        name = self._run.config.name
        resource = {"prefect.resource.id": f"retrain.model.{name}", "prefect.resource.name": name}
        payload = {
            "run_id": self._run.run_id,
            "flow_run_id": self._flow_run_id,
            "epoch": epoch,
            "seconds": took,
            "usual_seconds": self.pace.usual,
            "limit_seconds": limit,
        }
        emit_event(EVENT, resource=resource, payload=payload)
