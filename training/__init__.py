"""The training engine: everything but the orchestration, usable without Prefect.

The names below are imported when they are first asked for: `import training` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore
    from training.callbacks import (
        CallbackBase,
        CallbackList,
        EarlyStoppingCallback,
        LoggingCallback,
        ModelCheckpointCallback,
    )
    from training.config import DataConfig, RunConfig, TrainingConfig
    from training.data import DataManager
    from training.engine import TrainingEngine
    from training.models import ModelFactory
    from training.registry import ModelRegistry

# A folder `training` of somebody else's, without an __init__.py, would be hidden by this package.
__path__ = extend_path(__path__, __name__)

_HOMES = {
    "ArtifactStore": "training.artifacts",
    "CallbackBase": "training.callbacks",
    "CallbackList": "training.callbacks",
    "DataConfig": "training.config",
    "DataManager": "training.data",
    "EarlyStoppingCallback": "training.callbacks",
    "LoggingCallback": "training.callbacks",
    "ModelCheckpointCallback": "training.callbacks",
    "ModelFactory": "training.models",
    "ModelRegistry": "training.registry",
    "RunConfig": "training.config",
    "TrainingConfig": "training.config",
    "TrainingEngine": "training.engine",
}

__all__ = [
    "ArtifactStore",
    "CallbackBase",
    "CallbackList",
    "DataConfig",
    "DataManager",
    "EarlyStoppingCallback",
    "LoggingCallback",
    "ModelCheckpointCallback",
    "ModelFactory",
    "ModelRegistry",
    "RunConfig",
    "TrainingConfig",
    "TrainingEngine",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
