"""What a retraining shows in the UI: the morning report and the ledger, under stable keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.artifacts import artifact_key, try_to_show
from training.retraining import ledger

if TYPE_CHECKING:
    from training.retraining import Retraining

LEDGER_ROWS = 200


def show_morning(retraining: Retraining) -> None:
    """Show the report, where there is one, and what became of each slot so far."""
    show_ledger(retraining)
    report = retraining.report()
    if report is not None:
        key, about = artifact_key(retraining.name), f"Retraining of {retraining.name}"
        try_to_show(
            lambda: create_markdown_artifact(
                markdown=report, key=f"{key}-morning-report", description=about
            )
        )


def show_ledger(retraining: Retraining) -> None:
    """Show what became of each slot so far."""
    name = retraining.name
    rows = [ledger_row(entry) for entry in ledger(retraining.store, name)[-LEDGER_ROWS:]]
    try_to_show(
        lambda: create_table_artifact(
            table=rows, key=f"{artifact_key(name)}-ledger", description=f"Retrainings of {name}"
        )
    )


def ledger_row(entry: dict[str, Any]) -> dict[str, Any]:
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
