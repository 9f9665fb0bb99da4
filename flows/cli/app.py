"""The commands, and what becomes of errors: exit codes and one or two lines."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

import tasks  # noqa: F401 - before a package of that name is found where the command is called
from flows.cli.models import models
from flows.cli.options import (
    DEFAULT_STORAGE,
    AsJson,
    Every,
    Overrides,
    ResumeMode,
    Storage,
    Trust,
    trusted_modules,
)
from training.errors import InputError, RetrainError
from training.secrets import without_secrets

app = typer.Typer(
    name="retrain",
    help="Train, retrain and register models; interrupted runs go on exactly where they stood.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(models)
data = typer.Typer(name="data", help="Tables that runs kept.", no_args_is_help=True)
app.add_typer(data)

SCHEMA = Path(__file__).with_name("schema.json")
"""Written by `make schema`: making it takes longer than all else that the command does."""

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.")]
Part = Annotated[
    str | None, typer.Argument(metavar="[RUN_ID | NAME:VERSION]", help="Default: everything.")
]
RunId = Annotated[str, typer.Argument(metavar="RUN_ID")]


@app.command()
def run(
    config: ConfigFile,
    overrides: Overrides = None,
    resume: Annotated[
        ResumeMode, typer.Option(help="Go on with an interrupted run of this configuration.")
    ] = ResumeMode.AUTO,
    slot: Annotated[
        str | None, typer.Option(help="A name that sets this run apart from an equal one.")
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Train a model and register it; the same command again resumes, or does nothing."""
    from flows.cli.execute import Job, execute
    from training.config.load import load_config

    job = Job(load_config(config, overrides or ()), storage, resume=resume.value, slot=slot)
    execute(job, as_json=as_json)


@app.command()
def update(  # noqa: PLR0913, PLR0917 - the options of a command
    config: ConfigFile,
    overrides: Overrides = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Rows up to here; default: all that the source has."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="The first of several.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="The last.")] = None,
    every: Annotated[Every, typer.Option(help="The steps between them.")] = Every.MONTH,
    resume: Annotated[
        ResumeMode, typer.Option(help="Go on with an interrupted retraining.")
    ] = ResumeMode.AUTO,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Retrain on the newest rows and promote the model if it is better; or a series of past ones.

    A month means its last day: --from 2015-01 --to 2016-12 are 24 retrainings.
    """
    from flows.cli.update import Series
    from flows.cli.update import update as retrain
    from training.config.load import load_config
    from training.retraining import asked_moments

    moments = asked_moments(as_of, first, last, every.value)
    loaded = load_config(config, overrides or ())
    retrain(Series(loaded, storage, moments, resume.value), as_json=as_json)


@app.command()
def pipeline(
    config: ConfigFile,
    overrides: Overrides = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Rows up to here; default: all that the source has."),
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Extract, transform, retrain, score, publish; the same command again goes on, or does nothing.

    CONFIG is that of a pipeline: configs/pipeline.yaml.
    """
    from flows.cli.pipeline import run_pipeline
    from training.config.load import load_pipeline
    from training.retraining import parse_moment

    loaded = load_pipeline(config, overrides or ())
    moment = None if as_of is None else parse_moment(as_of)
    run_pipeline(loaded, storage, moment, as_json=as_json)


@app.command()
def score(  # noqa: PLR0913, PLR0917 - the options of a command
    model: Annotated[str, typer.Argument(metavar="NAME[:VERSION | @ALIAS]")],
    source: Annotated[str, typer.Option("--input", metavar="FILE", help="CSV or Parquet.")],
    output: Annotated[str, typer.Option(metavar="FILE", help="Ends in .parquet or .csv.")],
    chunk_rows: Annotated[
        int, typer.Option(min=0, help="Rows in memory at a time; 0: all.")
    ] = 65536,
    allow_expired: Annotated[  # noqa: FBT002 - a command-line flag
        bool, typer.Option("--allow-expired", help="Use a model that is too old all the same.")
    ] = False,
    trust: Trust = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Predictions of a registered model for the rows of a file."""
    from flows.cli.score import score_file

    job = {
        "model": model,
        "input": source,
        "output": output,
        "storage": storage,
        "chunk_rows": chunk_rows,
        "allow_expired": allow_expired,
        "trusted": sorted(trusted_modules(trust)),
    }
    score_file(job, as_json=as_json)


@app.command()
def resume(
    run_id: RunId,
    trust: Trust = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Continue a run that stopped, with the configuration that it began with."""
    from flows.cli.execute import execute, stored_job

    execute(stored_job(run_id, storage, trusted_modules(trust)), as_json=as_json)


@app.command()
def validate(
    config: ConfigFile,
    overrides: Overrides = None,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """Check configuration and data, print the resolved configuration; writes nothing."""
    from flows.cli.look import print_validated
    from training.config.load import load_config

    print_validated(load_config(config, overrides or ()), storage)


@app.command()
def prove(
    config: ConfigFile,
    overrides: Overrides = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to train, at most.")] = 3,
    kills: Annotated[int, typer.Option(min=1, help="How often a process is killed.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Decides where.")] = 0,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Try out whether your model, data and callbacks resume exactly; writes nothing."""
    from flows.cli.prove import print_proof
    from training.config.load import load_config

    print_proof(load_config(config, overrides or ()), epochs, kills, seed, as_json=as_json)


@app.command()
def runs(storage: Storage = DEFAULT_STORAGE, as_json: AsJson = False) -> None:  # noqa: FBT002 - a command-line flag
    """What ran, how far, how it ended."""
    from flows.cli.look import print_runs

    print_runs(storage, as_json=as_json)


@app.command()
def show(run_id: RunId, storage: Storage = DEFAULT_STORAGE, as_json: AsJson = False) -> None:  # noqa: FBT002 - a command-line flag
    """One run: its attempts, its history, its model."""
    from flows.cli.look import print_run

    print_run(run_id, storage, as_json=as_json)


@app.command()
def report(
    run_id: RunId,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there; else it is printed.")
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
) -> None:
    """One run as an HTML file that needs nothing else: curves, metrics, decision, data."""
    from flows.cli.report import print_report

    print_report(run_id, storage, output)


@app.command()
def verify(
    what: Part = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Check every byte and every reference; say what is damaged, missing, left over."""
    from flows.cli.upkeep import print_verification

    print_verification(what, storage, as_json=as_json)


@app.command()
def repair(
    what: Part = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Move what is damaged aside, delete what dead processes left; says each thing that it does."""
    from flows.cli.upkeep import print_repair

    print_repair(what, storage, as_json=as_json)


@app.command()
def gc(
    storage: Storage = DEFAULT_STORAGE,
    delete: Annotated[bool, typer.Option("--yes", help="Delete it; else only say it.")] = False,  # noqa: FBT002 - a command-line flag
    quarantine: Annotated[  # noqa: FBT002 - a command-line flag
        bool, typer.Option("--quarantine", help="Also what was damaged and moved aside.")
    ] = False,
    artifacts_days: Annotated[
        float | None,
        typer.Option(
            "--artifacts-days",
            min=0,
            metavar="DAYS",
            help="Also reports, data sets and the like that are older and that nothing names.",
        ),
    ] = None,
    artifacts_keep: Annotated[
        int, typer.Option("--artifacts-keep", min=1, help="How many versions of each stay anyway.")
    ] = 1,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Say what no rule, version, alias or run needs any more; `--yes` deletes it."""
    from flows.cli.upkeep import choice, print_collection

    chosen = choice(quarantine, artifacts_days, artifacts_keep)
    print_collection(storage, chosen, delete=delete, as_json=as_json)


@app.command()
def automations(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="YAML, as in deployments/.")],
) -> None:
    """Make automations on the Prefect server, or bring those of the same name up to date."""
    from flows.automations import install

    for done in install(files):
        typer.echo(f"{done.status:9} {done.name}{': ' + done.why if done.why else ''}")


@app.command()
def doctor(storage: Storage = DEFAULT_STORAGE, as_json: AsJson = False) -> None:  # noqa: FBT002 - a command-line flag
    """Check what goes wrong in practice, here and on the Prefect server, and say how to mend it."""
    from flows.cli.doctor import print_checks

    print_checks(storage, as_json=as_json)


@app.command()
def schema(
    of_pipeline: Annotated[  # noqa: FBT002 - a command-line flag
        bool, typer.Option("--pipeline", help="That of a larger pipeline.")
    ] = False,
) -> None:
    """The JSON schema of a configuration, for editors."""
    if of_pipeline:
        from training.config.pipeline import PipelineConfig

        found = PipelineConfig.model_json_schema()
    else:
        found = json.loads(SCHEMA.read_bytes())
    typer.echo(json.dumps(found, indent=2))


@data.command("list")
def list_tables(storage: Storage = DEFAULT_STORAGE, as_json: AsJson = False) -> None:  # noqa: FBT002 - a command-line flag
    """Tables that runs kept in the storage, each version of the data one line."""
    from flows.cli.tables import print_kept

    print_kept(storage, as_json=as_json)


@data.command("show")
def show_table(
    table: Annotated[str, typer.Argument(metavar="TABLE")],
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """One table: columns, findings, and what made it (source, window, code, run)."""
    from flows.cli.tables import print_one

    print_one(table, storage, as_json=as_json)


def main() -> None:
    """Run the command; the exit code says how it went.

    0 done; 1 the run failed; 2 the input is wrong and nothing was written; 130 and 143 interrupted.
    """
    # Classes of the user's own are looked for where the command is called.
    sys.path.insert(0, str(Path.cwd()))
    logging.captureWarnings(capture=True)
    try:
        app()
    except RetrainError as error:
        _say(str(error))
        sys.exit(2 if isinstance(error, InputError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)


def program() -> None:
    """The console script: `main`, and an end without delay.

    Prefect's threads would try for a minute more to reach a temporary server that is gone by then.
    """
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError):  # who reads has gone away
            stream.flush()
    os._exit(code if isinstance(code, int) else 0)


def _say(*lines: Any) -> None:  # noqa: ANN401 - whatever can be printed
    for line in lines:
        typer.echo(without_secrets(f"retrain: {line}"), err=True)
