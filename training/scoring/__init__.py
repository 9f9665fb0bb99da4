"""Predictions of a registered model for tables of any size."""

from training.scoring.age import refuse_expired
from training.scoring.score import ScoreResult, score
from training.scoring.table import predictions

__all__ = ["ScoreResult", "predictions", "refuse_expired", "score"]
