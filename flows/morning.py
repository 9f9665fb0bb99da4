"""What a retraining shows in the UI: decision, morning report and ledger, under stable keys."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run

from flows.overview import table
from flows.showing import artifact_key, link, link_to_flow_run, try_to_show
from training.evaluation import markdown_cell
from training.retraining import ledger
from training.retraining.verdict import verdict_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.artifacts import ArtifactStore
    from training.retraining import Retraining

LEDGER_ROWS = 200
PAGES = {
    "overview": "the run",
    "learning-curves": "learning curves",
    "metrics": "metrics of every epoch",
    "decision": "decision",
    "morning-report": "morning report",
    "ledger": "all retrainings",
}


def show_morning(retraining: Retraining) -> None:
    """Show what became of each slot so far; decision and report, where there are any."""
    name, report = retraining.name, retraining.report()
    show_ledger(retraining.store, name)
    if report is not None and not retraining.skipped:
        see = _see(retraining)
        decided = f"{decision(retraining)}\n\n{see}"
        try_to_show(
            lambda: _show(name, "morning-report", f"{report}\n{see}", f"Retraining of {name}"),
            lambda: _show(name, "decision", decided, f"Decision about {name}"),
        )


def show_ledger(store: ArtifactStore, name: str) -> None:
    """Show what became of each slot so far."""
    rows = [ledger_row(entry) for entry in ledger(store, name)[-LEDGER_ROWS:]]
    try_to_show(
        lambda: create_table_artifact(
            table=rows, key=f"{artifact_key(name)}-ledger", description=f"Retrainings of {name}"
        )
    )


def decision(retraining: Retraining) -> str:
    """Verdict and reason; challenger and champion on the same rows."""
    verdict = verdict_of(retraining.result)
    parts = [f"# {markdown_cell(verdict.heading)}", markdown_cell(verdict.reason)]
    for one in verdict.tables:
        cells = [[markdown_cell(value) for value in row] for row in one.rows]
        parts += [f"## {markdown_cell(one.title)}", table(one.head, cells)]
    if verdict.status == "awaiting-approval":
        command = ["retrain", "models", "promote", _model(retraining)]
        parts.append(f"Approve it with\n\n```\n{_typed(retraining, command)}\n```")
    return "\n\n".join(parts)


def _see(retraining: Retraining) -> str:
    """Links to all that belongs to it, and what a person types."""
    links = [link(title, retraining.name, what) for what, title in PAGES.items()]
    if flow_run.id:
        links.append(link_to_flow_run("flow run", flow_run.id))
    report = ["retrain", "report", retraining.result["run_id"], "--output", "report.html"]
    show = ["retrain", "models", "show", _model(retraining)]
    commands = [f"```\n{_typed(retraining, command)}\n```" for command in (show, report)]
    return "\n\n".join([f"**See** {' · '.join(links)}", *commands]) + "\n"


def _model(retraining: Retraining) -> str:
    model = retraining.result["model"]
    return f"{model['name']}:{model['version']}"


def _typed(retraining: Retraining, command: list[str]) -> str:
    """In two lines, since one is wider than a page of the UI."""
    at = shlex.join(["--storage", retraining.store.url])
    return f"{shlex.join(command)} \\\n  {at}"


def _show(name: str, what: str, text: str, description: str) -> None:
    key = f"{artifact_key(name)}-{what}"
    create_markdown_artifact(markdown=text, key=key, description=description)


def ledger_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One slot in a line of plain values."""
    model, data = entry.get("model"), entry.get("data") or {}
    return {
        "slot": entry["slot"],
        "as of": entry["as_of"],
        "status": entry["status"],
        "version": model["version"] if model else None,
        "replaced": entry.get("champion"),
        "rows": data.get("rows"),
        "epochs": entry.get("epochs_completed"),
        "done again": entry.get("redone_epochs"),
        "reason": entry["reason"],
    }
