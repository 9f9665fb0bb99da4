"""Runs in plain values, from their records in the storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.artifacts.names import is_name
from training.checkpoints import CheckpointManager
from training.errors import StorageError
from training.registry import ModelReference, open_registry
from training.run import RunRecord, run_ids, run_status, stored_history

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore


def summaries(store: ArtifactStore) -> list[dict[str, Any]]:
    """Each run in short, the one started last first."""
    found = [_summary_or_damage(RunRecord(store, run_id)) for run_id in run_ids(store)]
    return sorted(found, key=lambda item: str(item["started"]), reverse=True)


def _summary_or_damage(record: RunRecord) -> dict[str, Any]:
    """One damaged run must not hide the others."""
    try:
        return summary(record)
    except StorageError:
        unknown = {"epochs": None, "epochs_completed": None, "started": None, "attempts": None}
        known = {"run_id": record.run_id, "name": None, "status": "damaged", "model": None}
        return known | unknown


def summary(record: RunRecord) -> dict[str, Any]:
    """One run in short."""
    about = record.about()
    attempts = record.attempts()
    outcome = (record.outcome or {}).get("result")
    newest = next(iter(_checkpoints(record).refs()), None)
    model = outcome["model"] if outcome else None
    return {
        "run_id": record.run_id,
        "name": about["name"],
        "status": "completed" if outcome else run_status(record, attempts),
        "epochs": about["config"]["training"]["epochs"],
        "epochs_completed": newest.epoch if newest else 0,
        "started": attempts[0]["at"] if attempts else None,
        "attempts": len(attempts),
        "model": f"{model['name']}:{model['version']}" if model else None,
    }


def details(store: ArtifactStore, run_id: str) -> dict[str, Any]:
    """One run with its attempts and its history.

    Raises:
        NotFoundError: there is no such run.
    """
    record = RunRecord(store, run_id)
    about = record.about()
    outcome = (record.outcome or {}).get("result", {})
    attempts = record.attempts()
    return {
        **summary(record),
        "attempts": attempts,
        "reason": attempts[-1]["reason"] if attempts else "never started",
        "metrics": outcome.get("metrics", {}),
        "checkpoint": outcome.get("checkpoint"),
        "model": outcome.get("model"),
        "best_epoch": outcome.get("best_epoch"),
        "stopped_early": outcome.get("stopped_early"),
        "history": list(stored_history(_checkpoints(record), record)),
        "config": about["config"],
        "data": about["data"],
    }


def prefix_of(store: ArtifactStore, what: str | None) -> str:
    """The part of the storage that a run's id or a model's reference names.

    Raises:
        NotFoundError: there is neither.
    """
    if what is None:
        return ""
    if is_name(what) and (record := RunRecord(store, what)).is_known:
        return record.folder
    registry = open_registry(store)
    reference = ModelReference.parse(what)
    version = registry.get(reference)
    return version.uri if reference.version or reference.alias else f"models/{version.name}"


def _checkpoints(record: RunRecord) -> CheckpointManager:
    return CheckpointManager(record.store, f"{record.folder}/checkpoints")
