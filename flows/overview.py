"""The overview of a run in the UI: what it is, on what data, what belongs to it, how it goes on."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from prefect.runtime import flow_run

from flows.showing import link, link_to_flow_run
from training.evaluation import described, markdown_cell
from training.run import resume_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.run import TrainingResult, TrainingRun

PAGES = {
    "learning-curves": "learning curves",
    "metrics": "metrics of every epoch",
    "progress": "progress",
    "attempts": "attempts",
}
PAGES_AT_THE_END = {"report": "report"}
PAGES_OF_A_RETRAINING = {
    "decision": "decision",
    "morning-report": "morning report",
    "ledger": "all retrainings",
}


def overview(run: TrainingRun, result: TrainingResult | None) -> str:
    """A page in Markdown with links to all else that is shown of the run.

    Args:
        run: which began.
        result: how it ended; None: it is at work.
    """
    name, data = run.config.name, described(run.data.description)
    lines = [
        f"# {markdown_cell(name)}",
        f"Run `{run.run_id}`: {markdown_cell(run.start.reason)}.",
        _model(run, result) if result else "",
        "**See** " + " · ".join(_links(name, finished=result is not None)),
        *([] if result else _to_go_on(run)),
        "## Data",
        table(("what", "value"), data),
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def attempts_page(attempts: list[dict[str, Any]]) -> str:
    """Each attempt in words: a list, since a table of sentences is wider than a page of the UI."""
    return "\n\n".join(map(_attempt, attempts))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """In Markdown; a link stays one."""
    lines = [head, ["---"] * len(head)]
    lines += [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _attempt(one: dict[str, Any]) -> str:
    at, ended, of = one["resumed_from"], one["ended"], one.get("flow_run_id")
    kept = f"; kept up to epoch {at['epoch']}, batch {at['batch']}" if at else ""
    last = f"{ended['status']}: {ended['reason']}" if ended else "at work, or killed"
    where = f", {link_to_flow_run('its flow run', of)}" if of else ""
    return (
        f"## Attempt {one['number']}\n\n"
        f"- began {one['at']} on {markdown_cell(one['host'])}{where}\n"
        f"- found: {markdown_cell(one['reason'] + kept)}\n"
        f"- {markdown_cell(last)}"
    )


def _links(name: str, *, finished: bool) -> list[str]:
    pages = PAGES | (PAGES_AT_THE_END if finished else {})
    if flow_run.flow_name == "retrain":
        pages |= PAGES_OF_A_RETRAINING
    return [link(title, name, what) for what, title in pages.items()]


def _model(run: TrainingRun, result: TrainingResult) -> str:
    model = f"{result.model['name']}:{result.model['version']}"
    at = shlex.join(["--storage", run.store.url])
    early = f", stopped early: {markdown_cell(result.stop_reason)}" if result.stop_reason else ""
    done = f"{result.epochs_completed} epochs{early}"
    return (
        f"Registered as **{markdown_cell(model)}** after {done}.\n\n"
        f"```\nretrain models show {shlex.quote(model)} \\\n  {at}\n```\n\n"
        f"```\nretrain report {run.run_id} \\\n  --output report.html {at}\n```"
    )


def _to_go_on(run: TrainingRun) -> list[str]:
    command = resume_command(run.run_id, run.store.url, run.config)
    return [f"If it stops before its end, this goes on where it stood:\n\n```\n{command}\n```"]
