"""Measuring a trained model, and reporting it."""

from training.evaluation.curve import line_chart, loss_curve, points_of
from training.evaluation.evaluate import check_evaluation, evaluate, positions_of
from training.evaluation.report import markdown_report

__all__ = [
    "check_evaluation",
    "evaluate",
    "line_chart",
    "loss_curve",
    "markdown_report",
    "points_of",
    "positions_of",
]
