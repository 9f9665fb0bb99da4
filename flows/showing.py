"""How anything is shown in the UI: under which key, and that its loss is a warning.

The keys stay the same from run to run of a model, so that the UI shows their history.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from httpx import HTTPError
from prefect.exceptions import PrefectException
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

_AT_ONCE: dict[Any, Any] = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 3.0}

logger = logging.getLogger(__name__)


def artifact_key(name: str) -> str:
    """Artifact keys have lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def link(title: str, name: str, what: str) -> str:
    """To an artifact of a model, from another one: both UIs show them at such a distance."""
    return f"[{title}](../key/{artifact_key(name)}-{what})"


def link_to_flow_run(title: str, flow_run_id: str) -> str:
    """To a flow run, from an artifact."""
    return f"[{title}](../../runs/flow-run/{flow_run_id})"


def at_once() -> AbstractContextManager[Any]:
    """Nothing is tried twice or waited for: a silent server must not hold up a training."""
    return temporary_settings(_AT_ONCE)


def try_to_show(*show: Callable[[], Any]) -> bool:
    """Show one after the other, until the server does not take one; whether it took all."""
    try:
        for one in show:
            one()
    except (HTTPError, PrefectException) as error:
        reason = str(error) or type(error).__name__
        logger.warning("the UI did not get an artifact: %s", reason)
        return False
    return True
