"""The ledger: for each slot of a schedule what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.errors import NotFoundError, StorageError
from training.registry import ModelReference, open_registry
from training.registry.promotion import DecisionLog
from training.retraining.slot import slots
from training.run import RunRecord

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore
    from training.retraining.slot import Plan, SlotRecord

_EMPTY = {"slot": None, "as_of": None, "model": None, "reason": ""}


def ledger(store: ArtifactStore, name: str) -> list[dict[str, Any]]:
    """All retrainings of a model in the order of their slots, with those that were skipped.

    One that has not ended has the status of its last attempt (`failed`, `interrupted`), or
    `unfinished` if that was killed or is at work; a damaged one is `damaged`.
    """
    found = [entry for record in slots(store, name) for entry in _entries(record)]
    return sorted(found, key=lambda entry: (_place(entry), str(entry["as_of"])))


def standing(store: ArtifactStore, outcome: dict[str, Any]) -> dict[str, Any]:
    """An outcome as it stands by now: a person may have approved it, or turned it down."""
    if outcome["status"] != "awaiting-approval":
        return outcome
    registry = open_registry(store)
    model = outcome["model"]
    try:
        version = registry.get(ModelReference(model["name"], model["version"]))
        last = DecisionLog(registry, version).last()
    except (NotFoundError, StorageError):  # deleted, or damaged: what was known then stays
        return outcome
    if last is None or last.verdict == "await-approval":
        return outcome
    status = "promoted" if last.verdict == "promote" else "rejected"
    return outcome | {"status": status, "reason": last.reason, "champion": last.champion}


def _place(entry: dict[str, Any]) -> str:
    """A slot whose data were never read stands where its moment does."""
    return str(entry["slot"] or entry["as_of"])


def _entries(record: SlotRecord) -> list[dict[str, Any]]:
    try:
        plan, outcome = record.plan, record.outcome
        skips = record.skips()
    except StorageError as error:
        return [_EMPTY | {"status": "damaged", "reason": str(error)}]
    if outcome is not None:
        return [standing(record.store, outcome), *skips]
    return [_unfinished(record.store, plan), *skips] if plan is not None else skips


def _unfinished(store: ArtifactStore, plan: Plan) -> dict[str, Any]:
    known = _EMPTY | {"slot": plan.slot, "as_of": plan.as_of, "run_id": plan.run_id}
    attempts = RunRecord(store, plan.run_id).attempts()
    ended = attempts[-1]["ended"] if attempts else None
    if ended is None or ended["status"] == "completed":
        return known | {"status": "unfinished", "reason": "killed, or at work"}
    return known | {"status": ended["status"], "reason": ended["reason"]}
