"""`retrain run` and `retrain resume`: the flow `train`, in this process."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from flows.cli.patience import patient
from flows.cli.progress import Screen
from flows.cli.result import print_result, print_unfinished
from flows.settings import prepare
from training.errors import (
    BusyError,
    InputError,
    InterruptedRunError,
    MetricError,
    RetrainError,
)
from training.models.launch import help_out, is_helper, release_helpers
from training.run import RunRecord, TrainingRun, refuse_where_busy
from training.run.start import decide
from training.secrets import references, refuse_untrusted, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from training.config import RunConfig
    from training.run import Resume


NO_USE_TO_GO_ON = (BusyError, MetricError)
_ASK = "from prefect.settings import get_current_settings as s; print(s().api.url or '')"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run."""

    config: RunConfig
    storage: str
    resume: Resume = "auto"
    slot: str | None = None
    parent: str | None = None
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
        expect=job.expect,
        resume=job.resume,
        trusted=job.trusted,
    )
    run.check()
    start = decide(run, job.resume)
    if start.is_complete:
        run.start = start
        print_result(run.completed(), as_json=as_json)
        _tell_prefect_late(run)
        return
    refuse_where_busy(run)
    try:
        with _sigterm_raises(), Screen(run) as screen:
            _train(run, job, screen, as_json=as_json)
    except BaseException as error:
        if hasattr(run, "result") and _is_of_prefect(error):
            _leave_unheard(run, as_json=as_json)
        _explain_end(run, error, as_json=as_json)
        raise
    print_result(run.result, as_json=as_json)


def _train(run: TrainingRun, job: Job, screen: Screen, *, as_json: bool) -> None:
    prepare()
    with _server(screen):
        from flows.train import PREPARED, deliver, train

        def give_up() -> None:
            screen.close()
            _leave_unheard(run, as_json=as_json)

        token = PREPARED.set(run)
        try:
            with patient(run, screen.say, give_up):
                try:
                    train(job.config, job.storage, job.resume, job.expect, job.slot)
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
    impatient = isinstance(error, KeyboardInterrupt | _TerminatedError)
    return impatient or type(error).__module__.split(".")[0] in {"httpx", "httpcore", "prefect"}


def _tell_prefect_late(run: TrainingRun) -> None:
    """A finished run that Prefect has not heard of yet, where its server is known."""
    if "PREFECT_API_URL" in os.environ and not run.record.is_heard:
        prepare()
        from flows.reconcile import reconcile

        if reconcile(run.record):
            typer.echo("Prefect has now been told that the run is complete", err=True)
        run.record.note_heard()


@contextmanager
def _server(screen: Screen) -> Iterator[None]:
    """The server that is configured, or a temporary one."""
    url = _configured_server()
    if url is not None:
        _require_answer(url)
        yield
        return
    from flows.temporary_server import temporary_server

    screen.say("starting Prefect's temporary server (up to a minute the first time) …")
    with temporary_server(screen.waiting) as url:
        os.environ["PREFECT_API_URL"] = url
        try:
            yield
        finally:
            os.environ.pop("PREFECT_API_URL", None)


def _configured_server() -> str | None:
    """What the environment, a profile or a settings file of Prefect says.

    Another process is asked: Prefect reads its settings once a process, and would start a server of
    its own beside the temporary one if it had read them before that one's address is known.
    """
    if "PREFECT_API_URL" in os.environ:
        return os.environ["PREFECT_API_URL"]
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    files = [home / "profiles.toml", Path("prefect.toml"), Path(".env"), Path("pyproject.toml")]
    if "PREFECT_PROFILES_PATH" not in os.environ and not any(file.is_file() for file in files):
        return None
    asked = subprocess.run(  # noqa: S603 - this Python, a constant
        [sys.executable, "-c", _ASK], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None


def _require_answer(url: str) -> None:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(f"{url.rstrip('/')}/health", timeout=10):  # noqa: S310 - the user's own setting
            return
    except (URLError, OSError, ValueError) as error:
        raise RetrainError(
            f"the Prefect server at PREFECT_API_URL = {url} does not answer ({error}); start it "
            "with `prefect server start`, or unset PREFECT_API_URL to use a temporary one"
        ) from None


def resume_command(run: TrainingRun) -> str:
    """What a person types to continue a run."""
    options = ["--storage", run.store.url]
    variables = references(run.config.model_dump(mode="json"))
    for name in (*run.config.custom_modules(), *sorted(variables)):
        options += ["--trust", name]
    return shlex.join(["retrain", "resume", run.run_id, *options])


def _explain_end(run: TrainingRun, error: BaseException, *, as_json: bool) -> None:
    """Say how to go on; exit with the code of the signal where it was one."""
    if isinstance(error, InputError):
        return
    number = _signal_of(error)
    status = "interrupted" if number else "failed"
    reason = without_secrets(_why_interrupted(run, number) if number else _why_failed(error))
    if as_json:
        print_unfinished(run, status, reason)
    if number or not isinstance(error, RetrainError):
        typer.echo(f"retrain: {reason}", err=True)
    if "RETRAIN_DEBUG" in os.environ and not number:
        traceback.print_exception(error)
    if run.record.is_known and not isinstance(error, NO_USE_TO_GO_ON):
        typer.echo(f"continue with: {resume_command(run)}", err=True)
    if number:
        sys.exit(128 + number)
    if not isinstance(error, RetrainError):
        sys.exit(1)


def _why_interrupted(run: TrainingRun, number: int) -> str:
    """As the attempt has written it down, if it came to that: it says what was saved."""
    told = run.record.ending()
    return str(told["reason"]) if told else f"interrupted by {signal.Signals(number).name}"


def _why_failed(error: BaseException) -> str:
    """An error that is not ours with the place where it was raised: most likely the user's code."""
    if isinstance(error, RetrainError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({frame.filename}:{frame.lineno}, in {frame.name})" for frame in last)
    hint = "; RETRAIN_DEBUG=1 shows the whole traceback"
    return f"{type(error).__name__}: {error}{place}{hint}"


class _TerminatedError(BaseException):
    """SIGTERM, as an exception like KeyboardInterrupt: there are last words to say."""


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Prefect ends its flow on SIGTERM, then sends the signal on to whoever had it before."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise _TerminatedError

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _signal_of(error: BaseException) -> int | None:
    if isinstance(error, KeyboardInterrupt):
        return int(signal.SIGINT)
    if isinstance(error, InterruptedRunError):  # the signal is one that this process ignores
        return error.signal_number
    return int(signal.SIGTERM) if isinstance(error, _TerminatedError) else None
