"""Every error that this project raises on purpose.

The tree, with the exit code that the `retrain` command ends with::

    RetrainError                 1  something failed
    ├── InputError               2  what the user gave is wrong; nothing was written
    │   ├── ConfigError          2  the configuration
    │   ├── DataError            2  the data
    │   │   └── UnreachableError 2  where they are does not answer: later it may
    │   └── NotFoundError        2  a run, a model or a version of that name is not there
    ├── TrainingError            1  the training itself
    │   ├── MetricError          1  a metric that is not a number, or that nobody measures
    │   └── CallbackError        1  a callback raised; the original error is its cause
    ├── StorageError             1  the storage refused or failed
    │   ├── IntegrityError       1  stored bytes are not what their manifest says
    │   ├── ExistsError          1  that name is taken, and names are never overwritten
    │   ├── ConflictError        1  somebody else moved a pointer first
    │   └── BusyError            1  another process works on the same run
    └── InterruptedRunError  130/143  stopped from outside, with a checkpoint committed

A message has the bad value, what was expected, and the way out.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class RetrainError(Exception):
    """The root: catch it to catch everything that this project raises on purpose."""


class InputError(RetrainError):
    """What the user gave is wrong; nothing was written."""


class ConfigError(InputError):
    """The configuration is wrong."""


class DataError(InputError):
    """The data are wrong.

    Attributes:
        findings: rows of a table for a person, in plain values; none where there is but a message.
    """

    def __init__(self, message: str, findings: Iterable[Mapping[str, str | None]] = ()) -> None:
        """Keep the table beside the message."""
        super().__init__(message)
        self.findings = [dict(finding) for finding in findings]


class UnreachableError(DataError):
    """Where the data are does not answer; of wrong input the one that time may mend."""


class NotFoundError(InputError):
    """A run, a model or a version that was named does not exist."""


class TrainingError(RetrainError):
    """The training failed."""


class MetricError(TrainingError):
    """A metric is not a number, or nobody measures it."""


class CallbackError(TrainingError):
    """A callback raised; the original error is the cause of this one."""


class StorageError(RetrainError):
    """The storage refused or failed."""


class IntegrityError(StorageError):
    """Stored bytes are not what their manifest says."""


class ExistsError(StorageError):
    """The name is taken, and names are never overwritten."""


class ConflictError(StorageError):
    """A pointer does not point to what it was expected to: somebody else moved it first."""


class BusyError(StorageError):
    """Another process works on the same run."""


class InterruptedRunError(RetrainError):
    """The run was stopped from outside; a checkpoint was committed first.

    Attributes:
        signal_number: the signal that asked for it (`signal.SIGINT`, `signal.SIGTERM`).
    """

    def __init__(self, message: str, signal_number: int) -> None:
        """Keep the signal beside the message; the exit code is 128 + its number."""
        super().__init__(message)
        self.signal_number = signal_number


_LONG = 80
"""Characters of a name that are repeated; a name in somebody else's file can have millions."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest right spelling, then all of them.

    Args:
        word: what was written.
        known: what could have been written.

    Returns:
        For example `"did you mean 'epochs'? known: batch_size, epochs"`.
    """
    names = [name if len(name) <= _LONG else f"{name[:_LONG]}…" for name in sorted(known)]
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    listed = f"known: {', '.join(names)}" if names else "nothing is known here"
    return f"did you mean {near[0]!r}? {listed}" if near else listed
