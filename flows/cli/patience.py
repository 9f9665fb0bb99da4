"""What becomes of a finished training when Prefect's server is gone."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.config import RunConfig

SECONDS_BEFORE_SAYING = 10.0


class Work(Protocol):
    """A run or a retraining; its `result` is there when it is finished."""

    @property
    def config(self) -> RunConfig:
        """How it is carried out."""
        ...


@contextmanager
def patient(run: Work, say: Callable[[str], None], give_up: Callable[[], None]) -> Iterator[None]:
    """Once the run is finished, wait for its flow to end, but not for ever.

    Args:
        run: whose `result` is there when it is finished.
        say: tells a person what is waited for.
        give_up: ends the process; Prefect's own attempts to reach its server go on for minutes.
    """
    ended = threading.Event()

    def watch() -> None:
        while not hasattr(run, "result"):
            if ended.wait(0.2):
                return
        patience = run.config.execution.patience_seconds
        before = min(SECONDS_BEFORE_SAYING, patience / 2)
        if ended.wait(before):
            return
        say(
            "the model is registered; Prefect's server is silent: waiting for it up to "
            f"{patience - before:.0f} s …"
        )
        if not ended.wait(patience - before):
            give_up()

    threading.Thread(target=watch, daemon=True, name="patience").start()
    try:
        yield
    finally:
        ended.set()
