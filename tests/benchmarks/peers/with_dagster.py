"""Dagster: a job of empty ops in this process, with its instance in a folder on disk."""

from __future__ import annotations

import logging
import os
import tempfile
from time import perf_counter

import dagster
from common import report

STEPS = 30
logging.disable(logging.CRITICAL)


@dagster.op
def nothing(number: int) -> int:
    """Nothing."""
    return number


@dagster.op
def first() -> int:
    """A number."""
    return 1


@dagster.job
def chain() -> None:
    """One op after the other."""
    number = first()
    for _ in range(STEPS):
        number = nothing(number)


def functions() -> float:
    """Milliseconds of an empty function that writes its result to disk."""
    began = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(STEPS):
            with open(os.path.join(folder, str(number)), "w") as file:  # noqa: PTH118, PTH123 - the barest way
                file.write(str(number))
    return 1e3 * (perf_counter() - began) / STEPS


def job() -> float:
    """Milliseconds an op."""
    with (
        tempfile.TemporaryDirectory() as folder,
        dagster.DagsterInstance.local_temp(folder) as home,
    ):
        began = perf_counter()
        chain.execute_in_process(instance=home)
        return 1e3 * (perf_counter() - began) / STEPS


report(dagster.__version__, "ms a step", functions, job)
