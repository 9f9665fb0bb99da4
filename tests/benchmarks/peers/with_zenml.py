"""ZenML: a pipeline of empty steps with its local database; nothing cached."""

from __future__ import annotations

import logging
import os
import tempfile
from time import perf_counter

from common import report

HOME = tempfile.mkdtemp()
os.environ |= {
    "ZENML_CONFIG_PATH": HOME,
    "ZENML_ANALYTICS_OPT_IN": "false",
    "ZENML_LOGGING_VERBOSITY": "CRITICAL",
}

import zenml  # noqa: E402 - reads its settings when it is imported

STEPS = 10
logging.disable(logging.CRITICAL)


@zenml.step(enable_cache=False)  # type: ignore[untyped-decorator]
def nothing(number: int) -> int:
    """Nothing."""
    return number


@zenml.pipeline(enable_cache=False)  # type: ignore[untyped-decorator]
def chain() -> None:
    """One step after the other."""
    number = nothing(1)
    for _ in range(STEPS - 1):
        number = nothing(number)


def functions() -> float:
    """Milliseconds of an empty function."""
    began = perf_counter()
    for number in range(100_000):
        abs(number)
    return 1e3 * (perf_counter() - began) / 100_000


def pipeline() -> float:
    """Milliseconds a step."""
    began = perf_counter()
    chain()
    return 1e3 * (perf_counter() - began) / STEPS


report(zenml.__version__, "ms a step", functions, pipeline)
