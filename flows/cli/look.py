"""The commands that only look: runs, models, validation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer
import yaml

from flows.cli.table import print_table
from training.artifacts import ArtifactStore
from training.metrics import format_metrics

if TYPE_CHECKING:
    from training.config import RunConfig


def print_validated(config: RunConfig, storage: str) -> None:
    """Check the whole and print what it came to."""
    from training.data.findings import in_words
    from training.run import TrainingRun
    from training.run.start import decide

    run = TrainingRun(config, storage)
    run.check()
    resolved = config.model_dump(mode="json", by_alias=True)
    typer.echo(yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True).rstrip())
    known = run.data.description
    for name, value in known.items():
        if name not in {"findings", "seen"}:
            typer.echo(f"# data {name}: {value}")
    for row in known.get("findings", []):
        typer.echo(f"# {row['level']} {in_words(row)}")
    typer.echo(f"# {run.run_id}: {decide(run, 'auto').reason}")


def print_runs(storage: str, *, as_json: bool) -> None:
    """One line a run, the one started last first."""
    from flows.cli.summary import summaries

    found = summaries(ArtifactStore(storage))
    if as_json:
        typer.echo(json.dumps(found))
        return
    if not found:
        typer.echo(f"no runs in {storage}")
        return
    rows = [
        (
            item["run_id"],
            item["status"],
            "-" if item["epochs"] is None else f"{item['epochs_completed']}/{item['epochs']}",
            item["started"] or "-",
            item["model"] or "-",
        )
        for item in found
    ]
    print_table(("RUN", "STATUS", "EPOCHS", "STARTED", "MODEL"), rows)


def print_run(run_id: str, storage: str, *, as_json: bool) -> None:
    """Everything that is known of one run."""
    from flows.cli.summary import details

    found = details(ArtifactStore(storage), run_id)
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(f"{found['run_id']}  {found['status']}  {found['reason']}")
    for number, attempt in enumerate(found["attempts"], 1):
        ended = attempt["ended"]
        end = f"{ended['status']}: {ended['reason']}" if ended else "no ending was written"
        typer.echo(f"attempt {number}  {attempt['at']}  {attempt['host']}  {end}")
    for row in found["history"]:
        typer.echo(
            f"epoch {row['epoch']:>5}  step {row['step']:>8}  {format_metrics(row['metrics'])}"
        )
    if found["metrics"]:
        typer.echo(f"final        {format_metrics(found['metrics'])}")
