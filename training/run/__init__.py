"""One run: its identity, its records in the storage, and the session that works on it."""

from training.run.continuity import (
    history_of,
    refuse_changed_retry,
    refuse_endless_attempts,
    stored_history,
)
from training.run.lease import is_at_work, refuse_where_busy
from training.run.page import resume_command, run_page, run_status
from training.run.record import RunRecord, run_ids, runs_of
from training.run.result import TrainingResult, history_frame
from training.run.run import TrainingRun
from training.run.session import Session
from training.run.start import Resume, Start

__all__ = [
    "Resume",
    "RunRecord",
    "Session",
    "Start",
    "TrainingResult",
    "TrainingRun",
    "history_frame",
    "history_of",
    "is_at_work",
    "refuse_changed_retry",
    "refuse_endless_attempts",
    "refuse_where_busy",
    "resume_command",
    "run_ids",
    "run_page",
    "run_status",
    "runs_of",
    "stored_history",
]
