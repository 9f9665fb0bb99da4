"""Prefect's settings for a flow that the shell runs; set before Prefect is imported.

What the user has set themselves is left as it is.
"""

from __future__ import annotations

import logging
import os

_QUIET = {
    # What a person sees comes from the command itself; the API still gets every line.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_DEBUG_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "training,flows",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLIENT_METRICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


def prepare() -> None:
    """Quiet consoles, and our log lines in the UI."""
    logging.raiseExceptions = False  # a line that the server did not take is no news for a person
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
