"""Stopping gracefully: finish the batch, commit a checkpoint, then obey the signal."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from training.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from training.state import Control

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def graceful_stop(control: Control, grace_seconds: float) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a request to the loop.

    The loop answers with a checkpoint and `InterruptedRunError`; then the handler that stood before
    is back in place and gets the signal, so that who called us sees what it would have seen
    without us (KeyboardInterrupt, Prefect's cancellation, the end of the process). A second signal,
    or the end of the grace period, goes to that handler at once.

    Outside of the main thread, where no handler can be set, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}
    timers: list[threading.Timer] = []

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, _frame: FrameType | None) -> None:
        put_back()
        control.interrupt(number)
        timer = threading.Timer(grace_seconds, os.kill, (os.getpid(), number))
        timer.daemon = True
        timer.start()
        timers.append(timer)

    for number in _SIGNALS:
        signal.signal(number, ask)
    try:
        yield
        _heed(control.signal_number)
    except InterruptedRunError as stopped:
        _disarm(timers)
        put_back()
        signal.raise_signal(stopped.signal_number)
        raise
    finally:
        _disarm(timers)
        put_back()


def _heed(number: int | None) -> None:
    """A signal that came after the last batch is one all the same."""
    if number is not None:
        name = signal.Signals(number).name
        raise InterruptedRunError(
            f"interrupted by {name} after the last epoch; checkpoint saved", number
        )


def _disarm(timers: list[threading.Timer]) -> None:
    for timer in timers:
        timer.cancel()
