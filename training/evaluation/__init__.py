"""Measuring a trained model, and reporting it."""

from training.evaluation.curve import loss_curve
from training.evaluation.evaluate import check_evaluation, evaluate, positions_of
from training.evaluation.report import markdown_report

__all__ = ["check_evaluation", "evaluate", "loss_curve", "markdown_report", "positions_of"]
