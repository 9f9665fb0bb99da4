"""Training again on newer data: what is due, and what becomes of it."""

from training.retraining.ledger import ledger, standing
from training.retraining.missed import Slot, newest_begun, note_missed
from training.retraining.moment import Moment, asked_moments, moments, parse_moment
from training.retraining.report import retraining_report
from training.retraining.retrain import retrain
from training.retraining.retraining import Retraining
from training.retraining.slot import Plan, SlotRecord, slots

__all__ = [
    "Moment",
    "Plan",
    "Retraining",
    "Slot",
    "SlotRecord",
    "asked_moments",
    "ledger",
    "moments",
    "newest_begun",
    "note_missed",
    "parse_moment",
    "retrain",
    "retraining_report",
    "slots",
    "standing",
]
