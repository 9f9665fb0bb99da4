"""`retrain update`: the flow `retrain`, for one moment or for several past ones."""

from __future__ import annotations

import json
import os
import shlex
import sys
import traceback
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from flows.cli.ending import signal_of, sigterm_raises, why_failed
from flows.cli.patience import patient
from flows.cli.progress import Screen
from flows.cli.server import server
from flows.cli.table import print_table
from flows.settings import prepare
from training.errors import BusyError, InputError, MetricError, RetrainError
from training.retraining import Retraining
from training.run import refuse_where_busy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import RunConfig
    from training.retraining import Moment
    from training.run import Resume

HEAD = ("AS OF", "SLOT", "STATUS", "VERSION", "CHAMPION", "CHALLENGER", "AGAINST", "REASON")


@dataclass(frozen=True, slots=True)
class Series:
    """What is to be done.

    Attributes:
        config: of the model.
        storage: folder or URL.
        moments: one retraining each, the earliest first; None: the last bar of the source.
        resume: whether an interrupted retraining goes on.
    """

    config: RunConfig
    storage: str
    moments: Sequence[Moment | None]
    resume: Resume = "auto"


def update(series: Series, *, as_json: bool) -> None:
    """Retrain once for each moment, and say what became of it; ends the process on failure.

    What is wrong with configuration or data, and that there is nothing to do, is found out before
    Prefect is imported or a server started.
    """
    outcomes: list[dict[str, Any]] = []
    with ExitStack() as stack:
        screen: Screen | None = None
        for moment in series.moments:
            work = Retraining(series.config, series.storage, as_of=moment, resume=series.resume)
            try:
                work.validate()
                if work.skipped:
                    outcomes.append(work.skip())
                    continue
                refuse_where_busy(work.run)
                screen = screen or _begin(stack, work)
                screen.watch(work.run)
                outcomes.append(_flow(work, series, screen))
            except BaseException as error:
                stack.close()
                print_outcomes(outcomes, series, as_json=as_json)
                explain_end(error)
                raise
    print_outcomes(outcomes, series, as_json=as_json)


def _begin(stack: ExitStack, work: Retraining) -> Screen:
    """Signals, screen, server: once for all."""
    stack.enter_context(sigterm_raises())
    screen = stack.enter_context(Screen(work.run))
    prepare()
    stack.enter_context(server(screen))
    return screen


def _flow(work: Retraining, series: Series, screen: Screen) -> dict[str, Any]:
    from flows.retrain import UPDATE, retrain
    from flows.train import deliver

    def give_up() -> NoReturn:
        screen.close()
        print_outcomes([work.result], series, as_json=False)
        sys.stdout.flush()
        os._exit(0)

    token = UPDATE.set(work)
    as_of = None if work.as_of is None else work.as_of.isoformat()
    try:
        with patient(work, screen.say, give_up):
            try:
                retrain(series.config, storage=series.storage, as_of=as_of, resume=series.resume)
            finally:
                deliver()
    finally:
        UPDATE.reset(token)
    work.run.record.note_heard()
    return work.result


def print_outcomes(outcomes: list[dict[str, Any]], series: Series, *, as_json: bool) -> None:
    """A line each, or JSON: one object for one moment, else a list."""
    if as_json:
        single = len(series.moments) == 1 and outcomes
        typer.echo(json.dumps(outcomes[0] if single else outcomes))
    elif outcomes:
        metric = _watched(series.config)
        print_table(HEAD, [_line(outcome, metric) for outcome in outcomes])


def _watched(config: RunConfig) -> str:
    """The metric of the first rule that compares one."""
    return next((rule.metric for rule in config.promotion.rules if rule.type == "better"),
                "test_loss")  # fmt: skip


def _line(outcome: dict[str, Any], metric: str) -> tuple[str, ...]:
    metrics = outcome.get("metrics") or {}
    shown = [_number(metrics.get(who, {}).get(metric)) for who in ("challenger", "champion")]
    model, champion = outcome["model"], outcome.get("champion")
    return (
        outcome["as_of"] or "",
        outcome["slot"] or "",
        outcome["status"],
        f"v{model['version']}",
        f"v{champion}" if champion else "",
        *shown,
        outcome["reason"],
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def explain_end(error: BaseException) -> None:
    """Say how to go on; exit with the code of the signal where it was one."""
    if isinstance(error, InputError):
        return
    number = signal_of(error)
    if "RETRAIN_DEBUG" in os.environ and not number:
        traceback.print_exception(error)
    if not number and not isinstance(error, RetrainError):
        typer.echo(f"retrain: {why_failed(error)}", err=True)
    if not isinstance(error, BusyError | MetricError):
        typer.echo(f"continue with: {shlex.join(['retrain', *sys.argv[1:]])}", err=True)
    if number:
        sys.exit(128 + number)
    if not isinstance(error, RetrainError):
        sys.exit(1)
