"""`retrain pipeline`: the flow `pipeline`, in this process."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import typer

from flows.cli.ending import signal_of, sigterm_raises, why_failed
from flows.cli.progress import Screen
from flows.cli.server import server
from flows.cli.update import explain_end
from flows.settings import prepare
from training.errors import InputError
from training.etl import Pipeline
from training.run import refuse_where_busy
from training.secrets import hidden

if TYPE_CHECKING:
    from training.config.pipeline import PipelineConfig
    from training.retraining import Moment, Retraining


def run_pipeline(
    config: PipelineConfig, storage: str, as_of: Moment | None, *, as_json: bool
) -> None:
    """Do one slot, and say what became of it; ends the process on failure.

    That there is no way to where predictions go is found out before Prefect is imported.
    """
    Pipeline(config, storage, as_of=as_of).check()
    try:
        outcome = _flow(config, storage, as_of)
    except BaseException as error:
        if as_json and not isinstance(error, InputError):
            status = "interrupted" if signal_of(error) else "failed"
            told = {"name": config.name, "status": status, "reason": why_failed(error)}
            typer.echo(json.dumps(hidden(told)))
        explain_end(error)
        raise
    if as_json:
        typer.echo(json.dumps(outcome))
    else:
        _print(outcome)


def _flow(config: PipelineConfig, storage: str, as_of: Moment | None) -> dict[str, Any]:
    with ExitStack() as stack:
        stack.enter_context(sigterm_raises())
        screen = stack.enter_context(Screen())
        prepare()
        stack.enter_context(server(screen))
        from flows.pipeline import WATCH, pipeline
        from flows.train import deliver

        def watch(work: Retraining) -> None:
            refuse_where_busy(work.run)
            screen.watch(work.run)

        token = WATCH.set(watch)
        try:
            moment = None if as_of is None else as_of.isoformat()
            outcome: dict[str, Any] = pipeline(config, storage, moment)
        finally:
            WATCH.reset(token)
            deliver()
        return outcome


def _print(outcome: dict[str, Any]) -> None:
    """A line a step."""
    rows, features, retrained = outcome["rows"], outcome["features"], outcome["retrained"]
    lines = {
        "slot": outcome["slot"],
        "rows": f"{rows['rows']}, {rows['path']}",
        "features": f"{features['rows']}, {features['path']}",
        "retraining": f"{retrained['status']}: {retrained['reason']}",
    }
    if outcome["model"]:
        model = outcome["model"]
        lines["champion"] = f"{model['name']}:{model['version']}  {model['digest']}"
    lines["result"] = outcome["reason"]
    for name, told in lines.items():
        typer.echo(f"{name:<12}{told}")
