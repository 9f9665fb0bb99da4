"""Checkpoints: how the state after an epoch is kept, found again and thinned out."""

from training.checkpoints.compare import state_differences
from training.checkpoints.environment import differences, environment
from training.checkpoints.history import History, Row
from training.checkpoints.manager import CheckpointManager

__all__ = ["CheckpointManager", "History", "Row", "differences", "environment", "state_differences"]
