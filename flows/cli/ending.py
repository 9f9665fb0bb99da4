"""How a command ends that was stopped or that failed."""

from __future__ import annotations

import signal
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

from training.errors import InterruptedRunError, RetrainError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


def why_failed(error: BaseException) -> str:
    """An error that is not ours with the place where it was raised: most likely the user's code."""
    if isinstance(error, RetrainError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({frame.filename}:{frame.lineno}, in {frame.name})" for frame in last)
    hint = "; RETRAIN_DEBUG=1 shows the whole traceback"
    return f"{type(error).__name__}: {error}{place}{hint}"


class TerminatedError(BaseException):
    """SIGTERM, as an exception like KeyboardInterrupt: there are last words to say."""


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Prefect ends its flow on SIGTERM, then sends the signal on to whoever had it before."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def signal_of(error: BaseException) -> int | None:
    """The signal that an exception stands for; None: it stands for none."""
    if isinstance(error, KeyboardInterrupt):
        return int(signal.SIGINT)
    if isinstance(error, InterruptedRunError):  # the signal is one that this process ignores
        return error.signal_number
    return int(signal.SIGTERM) if isinstance(error, TerminatedError) else None
