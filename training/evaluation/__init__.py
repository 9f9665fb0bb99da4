"""Measuring a trained model, and reporting it."""

from training.evaluation.curve import learning_curves, line_chart, loss_curve, points_of
from training.evaluation.evaluate import check_evaluation, evaluate, positions_of
from training.evaluation.html import Page, Table, Verdict, html_report
from training.evaluation.report import described, in_text, markdown_cell, markdown_report, thinned

__all__ = [
    "Page",
    "Table",
    "Verdict",
    "check_evaluation",
    "described",
    "evaluate",
    "html_report",
    "in_text",
    "learning_curves",
    "line_chart",
    "loss_curve",
    "markdown_cell",
    "markdown_report",
    "points_of",
    "positions_of",
    "thinned",
]
