"""Several processes for one training, as `torchrun` starts them: who leads, and who helps.

All start with the same command. The process of rank 0 leads: it alone reads the data, calls the
callbacks, evaluates, saves and registers. The others help it with its steps and nothing else.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from training.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Collection

_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_SIDE_BY_SIDE = "training.models.pytorch.side_by_side"


def is_launched() -> bool:
    """Whether a launcher has started this process beside others."""
    return all(name in os.environ for name in _VARIABLES) and int(os.environ["WORLD_SIZE"]) > 1


def is_helper() -> bool:
    """Whether this process is to help the one that leads."""
    return is_launched() and int(os.environ["RANK"]) > 0


def help_out(trusted: Collection[str] | None = None) -> dict[str, Any] | None:
    """Help until the leading process says that it is done; what it ended with, if it did well.

    Args:
        trusted: modules that a `module:Class` may be imported from; None: all.
    """
    result: dict[str, Any] | None = import_module(_SIDE_BY_SIDE).help_out(trusted)
    return result


def helped_result(trusted: Collection[str] | None = None) -> dict[str, Any]:
    """Help, and give what the training ended with.

    Raises:
        TrainingError: the leading process ended without a result.
    """
    result = help_out(trusted)
    if result is None:
        raise TrainingError("the process of rank 0 ended without a result; its own output says why")
    return result


def release_helpers(result: dict[str, Any] | None = None) -> None:
    """Let the helpers go, from the leading process; where there are none, nothing happens."""
    if is_launched() and not is_helper():
        import_module(_SIDE_BY_SIDE).release(result)
