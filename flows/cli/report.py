"""`retrain report`: one run as an HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from training.artifacts import ArtifactStore
from training.errors import InputError
from training.evaluation import html_report
from training.retraining.verdict import verdict_about
from training.run import RunRecord, history_of, run_page

if TYPE_CHECKING:
    from pathlib import Path

    from training.evaluation import Page


def print_report(run_id: str, storage: str, output: Path | None) -> None:
    """Print the report of a run as it stands now, or write it to a file.

    Args:
        run_id: of the run.
        storage: folder or URL.
        output: a file; what was there is replaced.

    Raises:
        NotFoundError: there is no such run.
        InputError: the file cannot be written.
    """
    text = html_report(page_of(ArtifactStore(storage), run_id))
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written: {error.strerror}") from None
    typer.echo(f"{output}  {output.stat().st_size:,} bytes")


def page_of(store: ArtifactStore, run_id: str) -> Page:
    """A run with the decision about its model, if there was one."""
    record = RunRecord(store, run_id)
    about, outcome = record.about(), record.outcome
    return run_page(
        record,
        history_of(store, run_id),
        outcome=outcome["result"] if outcome else None,
        verdict=verdict_about(store, about["name"], run_id) if outcome else None,
    )
