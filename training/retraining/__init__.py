"""Training again on newer data: what is due, and what becomes of it."""

from training.retraining.ledger import ledger
from training.retraining.moment import moments, parse_moment
from training.retraining.report import retraining_report
from training.retraining.retraining import Retraining
from training.retraining.slot import Plan, SlotRecord

__all__ = [
    "Plan",
    "Retraining",
    "SlotRecord",
    "ledger",
    "moments",
    "parse_moment",
    "retraining_report",
]
