"""The steps of a retraining besides those of its training, as tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

if TYPE_CHECKING:
    from training.registry.promotion import Decision
    from training.retraining import Retraining


@task(
    name="validate-data", task_run_name="validate-data", persist_result=False, cache_policy=NO_CACHE
)
def validate_data(retraining: Retraining) -> dict[str, Any]:
    """Read and check the newest window, find out what is due; nothing is written."""
    return retraining.validate()


@task(name="decide-promotion", task_run_name="decide-promotion", persist_result=False)
def decide_promotion(retraining: Retraining) -> Decision:
    """Challenger and champion on the same held-out rows; the decision, kept with the version."""
    return retraining.decide()


@task(name="promote-model", task_run_name="promote-model", persist_result=False)
def promote_model(retraining: Retraining) -> Decision:
    """Carry the decision out, once; the decision that counts."""
    return retraining.promote()


@task(name="report-retraining", task_run_name="report-retraining", persist_result=False)
def report_retraining(retraining: Retraining, decision: Decision) -> dict[str, Any]:
    """The report and the outcome; the retraining is finished."""
    return retraining.finish(decision)
