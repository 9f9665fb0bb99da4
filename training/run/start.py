"""How a start is decided: afresh, going on, or nothing to do; and the line that says why."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from training.errors import NotFoundError
from training.registry import ModelReference
from training.run.identity import changed_keys
from training.run.record import runs_of

if TYPE_CHECKING:
    from training.run.run import TrainingRun
    from training.state import CheckpointRef

logger = logging.getLogger("training.run")

Resume = Literal["auto", "never", "must"]


@dataclass(frozen=True, slots=True)
class Start:
    """What a start found.

    Attributes:
        reason: one line for a person.
        is_complete: the run is finished: nothing is left to do.
        checkpoint: where it goes on from; None: from the start.
    """

    reason: str
    is_complete: bool = False
    checkpoint: CheckpointRef | None = None


def decide(run: TrainingRun, resume: Resume) -> Start:
    """Look at what the storage has of this run.

    Raises:
        NotFoundError: `resume` is `must`, and there is nothing to go on from.
    """
    if resume == "never":
        return Start("new run: asked to start afresh")
    outcome = run.record.outcome
    if outcome is not None and _is_registered(run, outcome["result"]["model"]):
        model = outcome["result"]["model"]
        what = f"{model['name']}:{model['version']}"
        return Start(f"nothing to do: {what} is this configuration on this data", is_complete=True)
    newest = next(iter(run.checkpoints.refs()), None)
    if newest is not None:
        return _continuing(run, newest)
    reason = why_new(run)
    if resume == "must":
        raise _nothing_to_go_on_from(run, reason)
    return Start(reason)


def after_verification(run: TrainingRun, verified: CheckpointRef | None) -> Start:
    """What a start comes to when the checkpoint that it was decided on turns out to be damaged.

    Args:
        run: whose start was decided.
        verified: the newest checkpoint that verifies.

    Raises:
        NotFoundError: it must go on, and no checkpoint verifies.
    """
    if verified == run.start.checkpoint:
        return run.start
    if verified is not None:
        start = _continuing(run, verified)
        start = replace(start, reason=f"{start.reason}; a newer checkpoint is damaged")
    else:
        start = Start("starting again: no checkpoint of this run verifies")
        if run.resume == "must":
            raise _nothing_to_go_on_from(run, start.reason)
    logger.warning("%s", start.reason)
    return start


def why_new(run: TrainingRun) -> str:
    """Why this is no earlier run of that name: what differs from the one started last."""
    runs = runs_of(run.store, run.config.name)
    latest = next((about for about in runs if about["run_id"] != run.run_id), None)
    if latest is None:
        return f"new run: the first of {run.config.name!r} in {run.store.url}"
    differs = differences_of(latest, run.about())
    return f"new run: differs from {latest['run_id']}: {'; '.join(differs) or 'nothing'}"


def differences_of(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What makes two runs different trainings, in words."""
    then, now = old["identity"], new["identity"]
    lines = changed_keys(then["config"], now["config"])
    if then["fingerprint"] != now["fingerprint"]:
        lines.append(_data_change(old["data"], new["data"]))
    for key in ("slot", "parent"):
        lines += changed_keys(then[key], now[key], key)
    return lines


def _continuing(run: TrainingRun, ref: CheckpointRef) -> Start:
    inside = f", batch {ref.batch}" if ref.batch else ""
    at = f"epoch {ref.epoch}{inside} of {run.config.training.epochs}"
    return Start(f"continuing run {run.run_id} at {at}: {_last_end(run)}", checkpoint=ref)


def _nothing_to_go_on_from(run: TrainingRun, reason: str) -> NotFoundError:
    return NotFoundError(
        f"there is nothing to go on from in {run.store.url}: {reason}; "
        "leave out --resume must to start it"
    )


def _is_registered(run: TrainingRun, model: dict[str, Any]) -> bool:
    reference = ModelReference(model["name"], model["version"])
    try:
        version = run.registry.get(reference)
    except NotFoundError:
        return False
    run.registry.weights(version)  # a damaged model must not count as done
    return version.digest == str(model["digest"])


def _last_end(run: TrainingRun) -> str:
    attempts = run.record.attempts()
    if not attempts:
        return "no attempt wrote down how it ended"
    last = attempts[-1]
    if last["ended"] is None:
        return f"the attempt of {last['at']} was killed"
    return f"the attempt of {last['at']} {last['ended']['status']}: {last['ended']['reason']}"


def _data_change(old: dict[str, Any], new: dict[str, Any]) -> str:
    more = new.get("rows", 0) - old.get("rows", 0)
    if more:
        return f"data changed ({abs(more)} {'new' if more > 0 else 'fewer'} rows)"
    return "data changed (other values in as many rows)"
