"""The flow `train`: data → model → epochs → evaluation → registry.

Importing this imports Prefect; `flows.cli` does so only when a flow is to run.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

from prefect import flow
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.runtime import flow_run

from flows.alarm import SlowEpochAlarm
from flows.artifacts import Dashboard, show_findings
from flows.asked import Settings, asked_name, in_words
from flows.events import announce
from flows.form import DataForm, Hidden, ModelForm, ModelName, Overrides, Text, TrainingForm
from flows.leader import emit_after_crash
from flows.reconcile import reconcile
from tasks.policies import Policies
from tasks.training import (
    create_model,
    evaluate_model,
    load_data,
    register_model,
    save_checkpoint,
    train_epoch,
)
from training.engine import TrainingEngine
from training.errors import DataError
from training.run import TrainingRun, refuse_changed_retry, refuse_endless_attempts
from training.state import CheckpointRef

if TYPE_CHECKING:
    from training.run import Session, TrainingResult

PREPARED: ContextVar[TrainingRun | None] = ContextVar("PREPARED", default=None)
"""A run whose data the calling process has loaded and checked already, and its listeners.

Parameters of a flow are JSON; this is what cannot be. A flow that finds nothing here (a worker,
a retry, another machine) puts the run together itself."""


def _name() -> str:
    run = PREPARED.get()
    return f"train {run.config.name if run else asked_name(flow_run.parameters)}"


@flow(
    name="train",
    flow_run_name=_name,
    on_crashed=[emit_after_crash],
    persist_result=False,
    log_prints=False,
)
@in_words
def train(  # noqa: PLR0913 - the fields of the form
    config: Hidden = None,
    *,
    name: ModelName = "",
    training: TrainingForm = TrainingForm(),
    model: ModelForm = ModelForm(),
    data: DataForm = DataForm(),
    config_file: str = "",
    overrides: Overrides = (),
    storage: str = "./artifacts",
    resume: Literal["auto", "never", "must"] = "auto",
    slot: Text = "",
    run_id: Text = "",
) -> dict[str, Any]:
    """Train a model and register it; an interrupted run goes on where it stood.

    Args:
        config: A whole configuration, from a program: no field of the form.
        name: The model's name in the registry. If empty: as in the configuration file, else model.
        training: How long, in what steps, and by which rule.
        model: What is trained. What a type takes besides goes into overrides.
        data: Where the rows come from, what is to be learnt of them, how many are held out.
        config_file: A YAML file as those in configs: a path where the run is, a URL, or a file in
            the folder configs of the storage. What is filled in above stands over it.
        overrides: Single keys, over all else, as --set takes them in the shell:
            callbacks=[{type: early_stopping, patience: 5}]
        storage: Where runs, checkpoints, results and the registry are: a folder or a URL.
        resume: Go on where there is something to go on from, never, or necessarily.
        slot: A name that sets this run apart from an equal one.
        run_id: The run that this is to be; with another configuration or other data it is refused.

    Returns:
        What `retrain run --json` prints.
    """
    run = PREPARED.get()
    if run is None:
        settings = Settings(
            name=name, config=config, config_file=config_file, overrides=overrides, storage=storage
        )
        whole = settings.over(data, model, training)
        expect = run_id or None
        run = TrainingRun(whole, storage, resume=resume, expect=expect, slot=slot or None)
    run.labels["flow_run_id"] = flow_run.id
    _load_data(run)
    if flow_run.run_count > 1:
        refuse_changed_retry(run, flow_run.id)
    with run.held() as start:
        reconcile(run.record, flow_run.id)
        if PREPARED.get() is None and not start.is_complete:  # no person has started it
            refuse_endless_attempts(run)
        result = run.completed() if start.is_complete else train_model(run)
    announce(run.store, run.config.name)
    return result.to_json()


def _load_data(run: TrainingRun) -> None:
    """Load the data, and show what was found in them, whether or not it ends the run."""
    try:
        description = load_data(run)
    except DataError as error:
        show_findings(run.config.name, error.findings)
        raise
    show_findings(run.config.name, description.get("findings", []))


def deliver() -> None:
    """Send the log lines and events that are still queued, before the server may go away."""
    APILogWorker.drain_all(timeout=10)
    EventsWorker.drain_all(timeout=10)


def train_model(run: TrainingRun) -> TrainingResult:
    """The chain after the data, as tasks; within a flow, with the run held."""
    policies = Policies.of(run.config.execution, run.store.url, run.run_id)
    once = policies.once()
    create_model.with_options(**once)(run)
    alarm = SlowEpochAlarm(run, flow_run.id)
    dashboard = Dashboard(run, alarm.pace)
    with run.watching(), policies.results.store.drafting(), alarm:
        overlap = run.config.checkpoints.overlap
        train_epochs(run.session, policies, dashboard, alarm, overlap=overlap)
    metrics = evaluate_model.with_options(**once)(run)
    result = register_model.with_options(**once)(run, metrics)
    dashboard.finish(result)
    return result


def train_epochs(
    session: Session,
    policies: Policies,
    dashboard: Dashboard,
    alarm: SlowEpochAlarm,
    *,
    overlap: bool = False,
) -> None:
    """Each epoch a task, each checkpoint a task.

    Up to the epoch that the session was restored to, kept results are shown (Cached) when they
    agree with the history in the newest checkpoint; after it nothing kept is believed. With
    `overlap` a checkpoint is written while the next epoch is trained, and its task waits for it.
    """
    engine = TrainingEngine()
    epoch, restored = session.history.first_epoch - 1, session.state.epoch
    unsaved: CheckpointRef | None = None  # being written while the next epoch is trained
    while epoch < restored or not session.done:
        limit = restored if epoch < restored else session.config.epochs
        until = min(epoch + policies.execution.epochs_per_task, limit)
        believe = until <= restored
        if not believe:
            alarm.begins(until, until - epoch)
        staged = _train(engine, session, until, policies, believe=believe)
        if unsaved:
            _save(session, unsaved, policies, believe=False)
            unsaved = None
        if staged.save and overlap and not believe:
            session.commit_ahead(staged)
            unsaved = staged
        elif staged.save:
            _save(session, staged, policies, believe=believe)
        alarm.ended()
        epoch = staged.epoch
        dashboard.update(epoch)
    if unsaved:
        _save(session, unsaved, policies, believe=False)


def _train(
    engine: TrainingEngine, session: Session, epoch: int, policies: Policies, *, believe: bool
) -> CheckpointRef:
    staged = _reference(engine, session, epoch, policies, believe=believe)
    if believe and staged.digest != session.history.row(epoch)["digest"]:
        staged = _reference(engine, session, epoch, policies, believe=False)
    return staged


def _reference(
    engine: TrainingEngine, session: Session, epoch: int, policies: Policies, *, believe: bool
) -> CheckpointRef:
    """The task returns a state, for its message; the reference is that state's result."""
    task = policies.remembering(train_epoch, believe=believe, timeout=policies.epoch_timeout())
    state = task(engine, session, epoch, return_state=True)
    # `result()` asks another thread, for a millisecond; a task that worked has its record here.
    record: Any = state.data if state.is_completed() else None
    return CheckpointRef(**(record.result if hasattr(record, "result") else state.result()))


def _save(session: Session, staged: CheckpointRef, policies: Policies, *, believe: bool) -> None:
    task = policies.remembering(save_checkpoint, believe=believe)
    task(session, staged.epoch, staged.to_json())
