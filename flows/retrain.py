"""The flow `retrain`: newest data → challenger → decision → promotion → report.

Importing this imports Prefect; `flows.cli` does so only when a flow is to run.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

from prefect import flow
from prefect.runtime import flow_run

from flows.asked import Settings, asked_name, in_words
from flows.events import announce
from flows.form import (
    DataForm,
    Hidden,
    ModelForm,
    ModelName,
    Overrides,
    RetrainingForm,
    Text,
    TrainingForm,
)
from flows.leader import emit_after_crash
from flows.morning import show_ledger, show_morning
from flows.reconcile import reconcile
from flows.slots import missed
from flows.train import train_model
from tasks.policies import Policies
from tasks.retraining import decide_promotion, promote_model, report_retraining, validate_data
from training.retraining import Retraining, parse_moment
from training.run import refuse_endless_attempts

if TYPE_CHECKING:
    from training.run import TrainingRun
    from training.run.start import Start

UPDATE: ContextVar[Retraining | None] = ContextVar("UPDATE", default=None)
"""A retraining that the calling process has validated already; see `flows.train.PREPARED`."""


def _name() -> str:
    given, parameters = UPDATE.get(), flow_run.parameters
    name = given.name if given else asked_name(parameters)
    return f"retrain {name} {parameters.get('as_of') or flow_run.scheduled_start_time.date()}"


@flow(
    name="retrain",
    flow_run_name=_name,
    on_crashed=[emit_after_crash],
    persist_result=False,
    log_prints=False,
)
@in_words
def retrain(  # noqa: PLR0913 - the fields of the form
    config: Hidden = None,
    *,
    name: ModelName = "",
    training: TrainingForm = TrainingForm(),
    model: ModelForm = ModelForm(),
    data: DataForm = DataForm(),
    retraining: RetrainingForm = RetrainingForm(),
    config_file: str = "",
    overrides: Overrides = (),
    storage: str = "./artifacts",
    as_of: Text = "",
    resume: Literal["auto", "never", "must"] = "auto",
) -> dict[str, Any]:
    """Train on the newest data, and promote the model if it is better than the champion.

    Args:
        config: A whole configuration, from a program: no field of the form.
        name: The model's name in the registry. If empty: as in the configuration file, else model.
        training: How long, in what steps, and by which rule.
        model: What is trained. What a type takes besides goes into overrides.
        data: Where the rows come from, what is to be learnt of them, how many are held out.
        retraining: Which rows, from what weights, and who is champion first.
        config_file: A YAML file as those in configs: a path where the run is, a URL, or a file in
            the folder configs of the storage. What is filled in above stands over it.
        overrides: Single keys, over all else, as --set takes them in the shell:
            promotion.rules=[{type: better, metric: test_loss, by: 0.01}]
        storage: Where runs, checkpoints, results and the registry are: a folder or a URL.
        as_of: Rows up to here and none after it, such as 2015-01-31; empty: the time that this
            flow run was scheduled for.
        resume: Go on where there is something to go on from, never, or necessarily.

    Returns:
        What `retrain update --json` prints.
    """
    given = UPDATE.get()
    moment = parse_moment(as_of) if as_of else flow_run.scheduled_start_time
    if given is None:
        settings = Settings(
            name=name, config=config, config_file=config_file, overrides=overrides, storage=storage
        )
        whole = settings.over(data, model, training, retraining)
    work = given or Retraining(whole, storage, as_of=moment, resume=resume)
    left_out = None if given else missed(work.store, work.name, work.config.retraining)
    if left_out is not None:
        show_ledger(work.store, work.name)
        return left_out
    if given is None:
        validate_data.with_options(retries=0)(work)
    outcome = work.skip() if work.skipped else _retrain(work, by_person=given is not None)
    show_morning(work)
    announce(work.store, work.name)
    return outcome


def _retrain(retraining: Retraining, *, by_person: bool) -> dict[str, Any]:
    """Train, decide, promote, report; with the run held, so that nobody else does the same."""
    run = retraining.run
    run.labels["flow_run_id"] = flow_run.id
    with run.held() as start:
        reconcile(run.record, flow_run.id)
        if not by_person and not start.is_complete:
            refuse_endless_attempts(run)
        retraining.begin()
        _train(run, start)
        for other in retraining.others:
            with other.held() as begun:
                _train(other, begun)
        once = Policies.of(run.config.execution, run.store.url, run.run_id).once()
        decide_promotion.with_options(**once)(retraining)
        decision = promote_model.with_options(**once)(retraining)
        return report_retraining.with_options(**once)(retraining, decision)


def _train(run: TrainingRun, start: Start) -> None:
    if start.is_complete:
        run.completed()
    else:
        train_model(run)
