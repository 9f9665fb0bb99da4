"""The commands that only look: runs, models, validation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer
import yaml

from training.artifacts import ArtifactStore
from training.callbacks.logging import format_metrics
from training.registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def print_models(storage: str, *, as_json: bool) -> None:
    """One line a model."""
    registry = ModelRegistry(ArtifactStore(storage))
    newest = [registry.get(name) for name in registry.names()]
    if as_json:
        found = [{**version.to_json(), "metrics": version.metrics} for version in newest]
        typer.echo(json.dumps(found))
        return
    if not newest:
        typer.echo(f"no models in {storage}")
        return
    rows = [
        (
            version.name,
            str(version.version),
            version.run_id,
            format_metrics(_held_out(version.metrics)),
        )
        for version in newest
    ]
    print_table(("MODEL", "VERSION", "RUN", "METRICS"), rows)


def print_model(reference: str, storage: str, *, as_json: bool) -> None:
    """One version."""
    version = ModelRegistry(ArtifactStore(storage)).get(reference)
    found = {**version.to_json(), "uri": f"{storage}/{version.uri}", **version.card}
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(yaml.safe_dump(found, sort_keys=False, allow_unicode=True).rstrip())


def _held_out(metrics: dict[str, float]) -> dict[str, float]:
    kept = {name: value for name, value in metrics.items() if name.startswith("test_")}
    return dict(list((kept or metrics).items())[:4])


def print_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns as wide as their widest cell."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = (f"{cell!s:<{width}}" for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
