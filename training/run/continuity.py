"""What one attempt takes over from another, and what it refuses to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from training.checkpoints import CheckpointManager, History, differences, environment
from training.errors import ConfigError, TrainingError
from training.run.record import RunRecord
from training.run.start import differences_of

if TYPE_CHECKING:
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
