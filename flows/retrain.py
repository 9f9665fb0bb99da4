"""The flow `retrain`: newest data → challenger → decision → promotion → report.

Importing this imports Prefect; `flows.cli` does so only when a flow is to run.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

from prefect import flow
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.events import announce
from flows.morning import show_ledger, show_morning
from flows.reconcile import reconcile
from flows.slots import missed
from flows.train import train_model
from tasks.policies import Policies
from tasks.retraining import decide_promotion, promote_model, report_retraining, validate_data
from training.config import RunConfig  # noqa: TC001 - Prefect reads the flow's types when it runs
from training.retraining import Retraining, parse_moment
from training.run import refuse_endless_attempts

if TYPE_CHECKING:
    from training.run import TrainingRun
    from training.run.start import Start

UPDATE: ContextVar[Retraining | None] = ContextVar("UPDATE", default=None)
"""A retraining that the calling process has validated already; see `flows.train.PREPARED`."""


def _name() -> str:
    parameters = flow_run.parameters
    config = parameters["config"]
    name = config["name"] if isinstance(config, dict) else config.name
    return f"retrain {name} {parameters.get('as_of') or ''}".rstrip()


@flow(name="retrain", flow_run_name=_name, persist_result=False, log_prints=False)
def retrain(
    config: RunConfig,
    storage: str = "./artifacts",
    as_of: str | None = None,
    resume: Literal["auto", "never", "must"] = "auto",
) -> Any:  # noqa: ANN401 - what `retrain update --json` prints, or a state that has it
    """Train on the newest data, and promote the model if it is better than the champion.

    Args:
        config: what is trained, on what, and how; which rows; when it is promoted.
        storage: where runs, checkpoints, results and the registry are: a folder or a URL.
        as_of: rows up to here and none after it, such as 2015-01-31; default: the time that this
            flow run was scheduled for.
        resume: go on where there is something to go on from, never, or necessarily.

    Returns:
        What `retrain update --json` prints.
    """
    given = UPDATE.get()
    moment = parse_moment(as_of) if as_of else flow_run.scheduled_start_time
    retraining = given or Retraining(config, storage, as_of=moment, resume=resume)
    left_out = None if given else missed(retraining)
    if left_out is not None:
        show_ledger(retraining)
        return Completed(message=left_out["reason"], data=left_out)
    if given is None:
        validate_data.with_options(retries=0)(retraining)
    if retraining.skipped:
        outcome = retraining.skip()
    else:
        outcome = _retrain(retraining, by_person=given is not None)
    show_morning(retraining)
    announce(retraining.store, retraining.name)
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
