"""A run as a page for a person: what its record says, in words."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import yaml

from training.config import RunConfig
from training.data.findings import in_words
from training.evaluation import Page, Table, described
from training.run.lease import is_at_work
from training.secrets import references

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.checkpoints import Row
    from training.evaluation import Verdict
    from training.run.record import RunRecord


def run_page(
    record: RunRecord,
    history: Sequence[Row],
    *,
    outcome: Mapping[str, Any] | None,
    verdict: Verdict | None = None,
) -> Page:
    """What is to be shown of a run, finished or not.

    Args:
        record: of the run.
        history: a row an epoch.
        outcome: its result, if it is finished.
        verdict: what was decided about its model, if anything was.

    Raises:
        NotFoundError: there is no such run.
    """
    about, attempts = record.about(), record.attempts()
    return Page(
        name=about["name"],
        run_id=record.run_id,
        status="completed" if outcome else run_status(record, attempts),
        facts=_facts(about, history, outcome),
        commands=_commands(record, about, outcome),
        metrics=outcome["metrics"] if outcome else {},
        history=history,
        attempts=_attempts(attempts, done=outcome is not None),
        data=described(about["data"]),
        findings=[f"{row['level']}: {in_words(row)}" for row in about["data"].get("findings", [])],
        configuration=yaml.safe_dump(about["config"], sort_keys=False, allow_unicode=True),
        verdict=verdict,
    )


def run_status(record: RunRecord, attempts: Sequence[Mapping[str, Any]]) -> str:
    """How a run stands that is not finished: at work, ended in its own words, or killed."""
    ended = attempts[-1]["ended"] if attempts else None
    if ended is not None:
        return str(ended["status"])
    return "running" if is_at_work(record) else "killed"


def resume_command(run_id: str, storage: str, config: RunConfig) -> str:
    """What a person types to continue a run.

    Args:
        run_id: of the run.
        storage: folder or URL.
        config: what it names of one's own must be trusted.
    """
    options = ["--storage", storage]
    variables = references(config.model_dump(mode="json"))
    for name in (*config.custom_modules(), *sorted(variables)):
        options += ["--trust", name]
    return shlex.join(["retrain", "resume", run_id, *options])


def _facts(
    about: Mapping[str, Any], history: Sequence[Row], outcome: Mapping[str, Any] | None
) -> list[tuple[str, str]]:
    planned = about["config"]["training"]["epochs"]
    done = history[-1]["epoch"] if history else 0
    facts = [("epochs", f"{done} of {planned}")]
    if outcome is None:
        return facts
    if outcome["best_epoch"]:
        facts.append(("best epoch", str(outcome["best_epoch"])))
    if outcome["stop_reason"]:
        facts.append(("stopped early", str(outcome["stop_reason"])))
    model = outcome["model"]
    return [
        *facts,
        ("model", f"{model['name']}:{model['version']}"),
        ("digest of its weights", str(model["digest"])),
        ("checkpoint", str(outcome["checkpoint"]["uri"])),
        ("how it began", str(outcome["reason"])),
    ]


def _commands(
    record: RunRecord, about: Mapping[str, Any], outcome: Mapping[str, Any] | None
) -> list[tuple[str, str]]:
    storage = record.store.url
    if outcome is None:
        config = RunConfig.model_validate(about["config"])
        return [("To go on with it", resume_command(record.run_id, storage, config))]
    model = f"{outcome['model']['name']}:{outcome['model']['version']}"
    at = shlex.join(["--storage", storage])
    score = shlex.join(["retrain", "score", model, "--input", "ROWS.csv", "--output", "OUT.csv"])
    return [
        ("To predict with the model", f"{score} {at}"),
        ("To see the model", f"{shlex.join(['retrain', 'models', 'show', model])} {at}"),
        ("To check every byte", f"{shlex.join(['retrain', 'verify', record.run_id])} {at}"),
    ]


def _attempts(attempts: Sequence[Mapping[str, Any]], *, done: bool) -> Table:
    """The last attempt of a finished run is the one that writes this."""
    rows, finisher = [], attempts[-1]["number"] if attempts and done else None
    for one in attempts:
        ended = one["ended"]
        open_end = "completed" if one["number"] == finisher else "at work, or killed"
        last = f"{ended['status']}: {ended['reason']}" if ended else open_end
        rows.append((one["number"], one["at"], one["host"], one["reason"], last))
    return Table("", ("attempt", "began", "on", "what it found", "how it ended"), rows)
