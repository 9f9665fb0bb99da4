"""`retrain run` and `retrain resume`: the flow `train`, in this process."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import typer

from flows.cli.ending import TerminatedError, signal_of, sigterm_raises, why_failed
from flows.cli.patience import patient
from flows.cli.progress import Screen
from flows.cli.result import print_result, print_unfinished
from flows.cli.server import server
from flows.settings import prepare
from training.errors import (
    BusyError,
    InputError,
    MetricError,
    RetrainError,
)
from training.models.launch import help_out, is_helper, release_helpers
from training.run import RunRecord, TrainingRun, refuse_where_busy, resume_command
from training.run.known import evidence_of, finished_before, keep_evidence
from training.run.start import decide
from training.secrets import refuse_untrusted, without_secrets

if TYPE_CHECKING:
    from training.config import RunConfig
    from training.run import Resume
    from training.run.start import Start


NO_USE_TO_GO_ON = (BusyError, MetricError)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run."""

    config: RunConfig
    storage: str
    resume: Resume = "auto"
    slot: str | None = None
    parent: str | None = None
    start_from: str | None = None
    expect: str | None = None
    trusted: frozenset[str] | None = None


def stored_job(run_id: str, storage: str, trusted: frozenset[str]) -> Job:
    """A run as it began, from its record in the storage.

    Raises:
        NotFoundError: there is no such run.
        ConfigError: its configuration is not one of this version of the project.
    """
    from training.artifacts import ArtifactStore
    from training.config.load import parse_config

    about = RunRecord(ArtifactStore(storage), run_id).about()
    refuse_untrusted(about["config"], trusted)
    return Job(
        config=parse_config(about["config"], f"run {run_id}"),
        storage=storage,
        slot=about["identity"]["slot"],
        parent=about["parent"],
        start_from=about.get("started_from"),
        expect=run_id,
        trusted=trusted,
    )


def execute(job: Job, *, as_json: bool) -> None:
    """Train, with everything that a person watching wants to see; ends the process on failure.

    A run that is finished is found out before Prefect is imported or a server started. Beside
    others, started by a launcher, only the process of rank 0 does all this.
    """
    if is_helper():
        help_out(job.trusted)
        return
    try:
        _lead(job, as_json=as_json)
    finally:
        release_helpers()


def _lead(job: Job, *, as_json: bool) -> None:
    run = TrainingRun(
        job.config,
        job.storage,
        slot=job.slot,
        parent=job.parent,
        start_from=job.start_from,
        expect=job.expect,
        resume=job.resume,
        trusted=job.trusted,
    )
    evidence = evidence_of(run)
    start = finished_before(run, evidence) or _found_out(run)
    if start.is_complete:
        run.start = start
        print_result(run.completed(), as_json=as_json)
        _tell_prefect_late(run)
        _keep(run, evidence)
        return
    refuse_where_busy(run)
    try:
        with sigterm_raises(), Screen(run) as screen:
            _train(run, job, screen, as_json=as_json)
    except BaseException as error:
        if hasattr(run, "result") and _is_of_prefect(error):
            _leave_unheard(run, as_json=as_json)
        _explain_end(run, error, as_json=as_json)
        raise
    print_result(run.result, as_json=as_json)
    _keep(run, evidence)


def _found_out(run: TrainingRun) -> Start:
    """In the long way: by its data."""
    run.check()
    return decide(run, run.resume)


def _keep(run: TrainingRun, evidence: str | None) -> None:
    """What the run can be found again by, if its source did not change while it was read."""
    if evidence is not None and evidence == evidence_of(run):
        keep_evidence(run, evidence)


def _train(run: TrainingRun, job: Job, screen: Screen, *, as_json: bool) -> None:
    prepare()
    with server(screen):
        from flows.train import PREPARED, deliver, train

        def give_up() -> None:
            screen.close()
            _leave_unheard(run, as_json=as_json)

        token = PREPARED.set(run)
        try:
            with patient(run, screen.say, give_up):
                try:
                    train(job.config, storage=job.storage, resume=job.resume)
                finally:
                    deliver()
        finally:
            PREPARED.reset(token)
    run.record.note_heard()


def _leave_unheard(run: TrainingRun, *, as_json: bool) -> NoReturn:
    """The training is done and durable, and Prefect's server is gone: that is no failure.

    The process is ended at once, since Prefect would try for minutes more to reach it.
    """
    print_result(run.result, as_json=as_json)
    typer.echo(
        "Prefect's server did not answer and has not heard that the run is complete; the next "
        "start with the server there tells it",
        err=True,
    )
    sys.stdout.flush()
    os._exit(0)


def _is_of_prefect(error: BaseException) -> bool:
    """Whether what went wrong after the training is only that Prefect could not be told."""
    impatient = isinstance(error, KeyboardInterrupt | TerminatedError)
    return impatient or type(error).__module__.split(".")[0] in {"httpx", "httpcore", "prefect"}


def _tell_prefect_late(run: TrainingRun) -> None:
    """A finished run that Prefect has not heard of yet, where its server is known."""
    if "PREFECT_API_URL" in os.environ and not run.record.is_heard:
        prepare()
        from flows.reconcile import reconcile

        if reconcile(run.record):
            typer.echo("Prefect has now been told that the run is complete", err=True)
        run.record.note_heard()


def _explain_end(run: TrainingRun, error: BaseException, *, as_json: bool) -> None:
    """Say how to go on; exit with the code of the signal where it was one."""
    if isinstance(error, InputError):
        return
    number = signal_of(error)
    status = "interrupted" if number else "failed"
    reason = without_secrets(_why_interrupted(run, number) if number else why_failed(error))
    if as_json:
        print_unfinished(run, status, reason)
    if number or not isinstance(error, RetrainError):
        typer.echo(f"retrain: {reason}", err=True)
    if "RETRAIN_DEBUG" in os.environ and not number:
        traceback.print_exception(error)
    if run.record.is_known and not isinstance(error, NO_USE_TO_GO_ON):
        typer.echo(
            f"continue with: {resume_command(run.run_id, run.store.url, run.config)}", err=True
        )
    if number:
        sys.exit(128 + number)
    if not isinstance(error, RetrainError):
        sys.exit(1)


def _why_interrupted(run: TrainingRun, number: int) -> str:
    """As the attempt has written it down, if it came to that: it says what was saved."""
    told = run.record.ending()
    return str(told["reason"]) if told else f"interrupted by {signal.Signals(number).name}"
