"""What one attempt takes over from another, and what it refuses to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from training.checkpoints import CheckpointManager, History, differences, environment
from training.errors import ConfigError, StorageError, TrainingError
from training.run.identity import changed_keys
from training.run.record import RunRecord, run_ids
from training.run.start import differences_of

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore
    from training.checkpoints import Row
    from training.run.run import TrainingRun
    from training.state import CheckpointRef

logger = logging.getLogger("training.run")

_ALLOWED_OF_PARENT = ("training.epochs ", "parent ", "slot ")


def refuse_another_run(run: TrainingRun, expected: str | None) -> None:
    """A run that was named is continued as it began; its child may train longer.

    Raises:
        ConfigError: something else differs, by key.
    """
    if expected is not None and run.run_id != expected:
        began = RunRecord(run.store, expected).about()
        differs = "; ".join(differences_of(began, run.about()))
        raise ConfigError(
            f"run {expected} cannot go on: {differs}; "
            "put that back as it was, or start a new run with `retrain run`"
        )
    if run.parent is not None:
        parent = RunRecord(run.store, run.parent).about()
        lines = differences_of(parent, run.about())
        refused = [line for line in lines if not line.startswith(_ALLOWED_OF_PARENT)]
        if refused:
            raise ConfigError(
                f"training on from run {run.parent} may change training.epochs only, "
                f"but these differ: {'; '.join(refused)}"
            )


def refuse_changed_retry(run: TrainingRun, flow_run_id: str) -> None:
    """A flow run that is retried goes on with the run that it began, unless the data changed.

    Its parameters can be changed between two tries; what that may change is as for a named run.

    Args:
        run: with its data loaded.
        flow_run_id: the label of that name in the notes of the earlier attempts.

    Raises:
        ConfigError: they were changed so that the result would be another; by key.
    """
    if _has_attempt_of(run.record, flow_run_id):
        return
    for run_id in run_ids(run.store):
        record = RunRecord(run.store, run_id)
        try:
            began = record.about() if _has_attempt_of(record, flow_run_id) else None
        except StorageError as error:  # of whatever run; it must not keep this one from working
            logger.warning("an earlier run is damaged: %s", error)
            continue
        differs = _changed_parameters(began, run.about()) if began else []
        if differs:
            raise ConfigError(
                f"this flow run began run {run_id}, and its parameters were changed since: "
                f"{'; '.join(differs)}; put them back and retry it, or start a new flow run"
            )


def refuse_endless_attempts(run: TrainingRun) -> None:
    """Something that kills a run each time must not be tried for ever by an automation.

    Raises:
        TrainingError: its attempts were killed too often.
    """
    limit = run.config.execution.max_attempts
    killed = [one for one in run.record.attempts() if one["ended"] is None]
    if len(killed) >= limit:
        raise TrainingError(
            f"{len(killed)} attempts of run {run.run_id} were killed, the last one at "
            f"{killed[-1]['at']}, and execution.max_attempts = {limit}: it is not tried again by "
            "itself; find out what kills it, then raise the limit, or go on with "
            f"`retrain resume {run.run_id}`"
        )


def _has_attempt_of(record: RunRecord, flow_run_id: str) -> bool:
    return any(one.get("flow_run_id") == flow_run_id for one in record.attempts())


def _changed_parameters(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What was changed by a person; the same source may have other data by now."""
    lines = [line for line in differences_of(old, new) if not line.startswith("data changed")]
    source, now = old["config"]["data"]["source"], new["config"]["data"]["source"]
    return lines + changed_keys(source, now, "data.source")


def take_over(run: TrainingRun, parent: str) -> None:
    """Begin where the parent's last epoch ended, with callbacks that start clean.

    Raises:
        ConfigError: the parent has no checkpoint that verifies.
    """
    found = CheckpointManager(
        run.store, f"{RunRecord(run.store, parent).folder}/checkpoints"
    ).newest()
    if found is None:
        raise ConfigError(f"run {parent} has no checkpoint that verifies to train on from")
    ref, tree = found
    session = run.session
    session.model.load_state_dict(tree["model"])
    session.state.epoch, session.state.step = ref.epoch, ref.step
    session.history.first_epoch = ref.epoch + 1


def say_what_changed(run: TrainingRun, ref: CheckpointRef) -> None:
    """Bit-identity is promised for one environment; say when it is another."""
    then = run.checkpoints.metadata(ref).get("environment", {})
    changed = differences(then, environment())
    if changed:
        logger.warning(
            "the environment changed since the checkpoint, so the result may differ in the last "
            "bits from an undisturbed run: %s",
            "; ".join(changed),
        )


def stored_history(checkpoints: CheckpointManager, record: RunRecord) -> tuple[Row, ...]:
    """The rows of the newest checkpoint that verifies."""
    found = checkpoints.newest()
    if found is None:
        return ()
    history = History(record.store, f"{record.folder}/history")
    history.load_state_dict(found[1].get("history", {}))
    return tuple(history)


def history_of(store: ArtifactStore, run_id: str) -> tuple[Row, ...]:
    """The rows of an earlier run, as far as they are still there; damaged ones are none."""
    record = RunRecord(store, run_id)
    try:
        return stored_history(CheckpointManager(store, f"{record.folder}/checkpoints"), record)
    except StorageError as error:
        logger.warning("the history of run %s is damaged: %s", run_id, error)
        return ()
