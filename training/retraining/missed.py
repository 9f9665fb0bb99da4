"""Slots of a schedule whose time passed while nothing ran: which of them are still done.

A schedule has no memory of its own: after a night without server or worker, all the slots that were
missed start at once. Here it is decided what becomes of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.retraining.moment import comparable, parse_moment
from training.retraining.slot import SlotRecord, slots

if TYPE_CHECKING:
    import datetime as dt
    from datetime import timedelta

    from training.artifacts import ArtifactStore
    from training.config.retraining import RetrainingConfig

MISSED = "missed"
"""The record of those that were left out: their data were never read, so they have no other key."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot of a schedule that begins now.

    Attributes:
        moment: up to where it is to look.
        late: how long after the time that it was planned for it begins.
        newer: the newest moment of the same schedule that is due, too, or was begun; None: its own.
    """

    moment: dt.datetime
    late: timedelta
    newer: dt.datetime | None = None

    def refusal(self, policy: RetrainingConfig) -> str | None:
        """Why it is left out; None: it is not."""
        minutes, policy_is = self.late.total_seconds() / 60, policy.missed_slots
        if policy_is == "all" or minutes <= policy.missed_after_minutes:
            return None
        what = f"missed: the slot of {_words(self.moment)} begins {minutes:.0f} minutes late"
        if policy_is == "skip":
            return f"{what} (retraining.missed_slots: skip)"
        if self.newer is None:
            return None
        newer = _words(self.newer)
        return f"{what}, and that of {newer} has newer rows (retraining.missed_slots: newest)"


def newest_begun(store: ArtifactStore, name: str, until: dt.datetime) -> dt.datetime | None:
    """The newest moment up to `until` for which a retraining was begun, whoever began it."""
    plans = [record.plan for record in slots(store, name)]
    moments = [comparable(parse_moment(plan.as_of)) for plan in plans if plan and plan.as_of]
    return max((moment for moment in moments if moment <= until), default=None)


def note_missed(store: ArtifactStore, name: str, slot: Slot, reason: str) -> dict[str, Any]:
    """Write into the ledger that a slot is left out; once, however often it is asked.

    Returns:
        What `retrain update --json` prints.
    """
    outcome = {
        "name": name,
        "slot": None,
        "as_of": slot.moment.isoformat(),
        "status": "skipped",
        "model": None,
        "champion": None,
        "reason": reason,
        "run_id": None,
    }
    SlotRecord(store, name, MISSED).note_skip(outcome)
    return outcome


def _words(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z").strip()
