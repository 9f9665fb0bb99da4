"""Scoring as a task."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.policies import may_retry
from training.artifacts import ArtifactStore
from training.registry import open_registry
from training.scoring import score


@task(
    name="score-table",
    task_run_name="score-table {reference}",
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=may_retry,
    persist_result=False,
    cache_policy=NO_CACHE,
)
def score_table(
    reference: str, source: str, output: str, storage: str, options: dict[str, Any]
) -> dict[str, Any]:
    """Score a table, piece by piece; a retry writes the output anew."""
    registry = open_registry(ArtifactStore(storage))
    return score(registry, reference, source, output, **options).to_json()
