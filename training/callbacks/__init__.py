"""Callbacks: what listens to a training, and may end it."""

from training.callbacks.base import CallbackBase
from training.callbacks.build import build_callbacks
from training.callbacks.early_stopping import EarlyStoppingCallback
from training.callbacks.list import CallbackList, fire
from training.callbacks.logging import LoggingCallback
from training.callbacks.model_checkpoint import ModelCheckpointCallback
from training.callbacks.records import (
    BatchRecord,
    CheckpointRecord,
    EpochRecord,
    ErrorRecord,
    Record,
    TrainRecord,
)

__all__ = [
    "BatchRecord",
    "CallbackBase",
    "CallbackList",
    "CheckpointRecord",
    "EarlyStoppingCallback",
    "EpochRecord",
    "ErrorRecord",
    "LoggingCallback",
    "ModelCheckpointCallback",
    "Record",
    "TrainRecord",
    "build_callbacks",
    "fire",
]
