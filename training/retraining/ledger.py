"""The ledger: for each slot of a schedule what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.errors import StorageError
from training.retraining.slot import FOLDER, SlotRecord

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore


def ledger(store: ArtifactStore, name: str) -> list[dict[str, Any]]:
    """All retrainings of a model in the order of their slots.

    One that was begun and did not end has the status `unfinished`; a damaged one `damaged`.
    """
    keys = store.children(f"{FOLDER}/{name}")
    found = [_entry(SlotRecord(store, name, key)) for key in keys]
    return sorted(found, key=lambda entry: str(entry["slot"]))


def _entry(record: SlotRecord) -> dict[str, Any]:
    empty = {"slot": None, "as_of": None, "status": "damaged", "model": None, "reason": ""}
    try:
        plan, outcome = record.plan, record.outcome
    except StorageError as error:
        return empty | {"reason": str(error)}
    if outcome is not None:
        return outcome
    if plan is None:
        return empty | {"status": "unfinished"}
    return empty | {"slot": plan.slot, "as_of": plan.as_of, "status": "unfinished"}
