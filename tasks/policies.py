"""How tasks are retried, timed out and remembered: all of it in this one place."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from prefect.cache_policies import NO_CACHE, CacheKeyFnPolicy

from tasks.results import PLAIN_JSON, result_storage
from training.errors import (
    BusyError,
    InputError,
    InterruptedRunError,
    MetricError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun
    from prefect.context import TaskRunContext

    from tasks.results import ResultStorage
    from training.config import ExecutionConfig

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger("training.tasks")

NOT_MENDED_BY_A_RETRY = (InputError, MetricError, BusyError, InterruptedRunError)
"""Wrong input stays wrong, and who was asked to stop is not to start again."""

MENDED_BY_TIME = UnreachableError
"""Of wrong input the exception: a database that does not answer may do so in a moment."""

OUTER_GUARD_SECONDS = 30.0
"""Prefect's timeout strikes between any two lines; ours, between batches, is to come first."""


def may_retry(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether a retry can mend what happened; a Prefect `retry_condition_fn`."""
    if isinstance(state.data, NOT_MENDED_BY_A_RETRY) and not isinstance(state.data, MENDED_BY_TIME):
        return False
    if run.run_count <= task.retries:
        again = f"{task.retry_delay_seconds or 0:g} s"
        logger.warning("%s failed, and is tried again in %s: %s", run.name, again, state.message)
    return True


@dataclass(frozen=True, slots=True)
class Policies:
    """Options for the tasks of one run."""

    execution: ExecutionConfig
    results: ResultStorage
    run_id: str
    _made: dict[tuple[Any, ...], Task[..., Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, execution: ExecutionConfig, storage: str, run_id: str) -> Policies:
        """Save the result storage with the server, and hold what each task needs."""
        return cls(execution, result_storage(storage), run_id)

    def once(self) -> dict[str, Any]:
        """For a task whose work is in memory: retried, never remembered."""
        return tried_again(self.execution)

    def remembered(self, *, believe: bool, timeout: float | None = None) -> dict[str, Any]:
        """For a task of an epoch: its result is kept under (run, step, epoch).

        Args:
            believe: take a kept result for the work (it is checked by the caller); else work.
            timeout: seconds; default: that of every task.
        """
        return self.once() | {
            "timeout_seconds": timeout or self.execution.task_timeout_seconds,
            "persist_result": True,
            "cache_policy": CacheKeyFnPolicy(cache_key_fn=_key(self.run_id)),
            "refresh_cache": not believe,
            "result_storage": self.results,
            "result_serializer": PLAIN_JSON,
        }

    def remembering(
        self, task: Task[P, R], *, believe: bool, timeout: float | None = None
    ) -> Task[P, R]:
        """A task of an epoch with the options of `remembered`; made once, since that takes time."""
        key = (task.name, believe, timeout)
        if key not in self._made:
            options = self.remembered(believe=believe, timeout=timeout)
            self._made[key] = task.with_options(**options)
        return cast("Task[P, R]", self._made[key])

    def epoch_timeout(self) -> float | None:
        """The outer guard of a task of epochs."""
        seconds = self.execution.epoch_timeout_seconds
        if seconds is None:
            return None
        return seconds * self.execution.epochs_per_task + OUTER_GUARD_SECONDS


def tried_again(execution: ExecutionConfig) -> dict[str, Any]:
    """Options of a task that is retried, and never remembered."""
    return {
        "retries": execution.retries,
        "retry_delay_seconds": execution.retry_delay_seconds,
        "retry_condition_fn": may_retry,
        "timeout_seconds": execution.task_timeout_seconds,
        "persist_result": False,
        "cache_policy": NO_CACHE,
    }


def _key(run_id: str) -> Callable[[TaskRunContext, dict[str, Any]], str | None]:
    """An epoch's result is a function of the run's identity and the epoch: that is its key."""

    def key(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
        return f"{run_id}/{context.task.name}-{parameters['epoch']:08d}"

    return key
