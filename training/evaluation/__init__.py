"""Measuring a trained model, and reporting it."""

from training.evaluation.curve import line_chart, loss_curve, points_of
from training.evaluation.evaluate import check_evaluation, compare, evaluate
from training.evaluation.names import earned
from training.evaluation.report import markdown_report
from training.evaluation.strategies import positions_of, traded

__all__ = [
    "check_evaluation",
    "compare",
    "earned",
    "evaluate",
    "line_chart",
    "loss_curve",
    "markdown_report",
    "points_of",
    "positions_of",
    "traded",
]
