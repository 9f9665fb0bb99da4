"""How anything is shown in the UI: under which key, and that its loss is a warning.

The keys stay the same from run to run of a model, so that the UI shows their history.
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

from httpx import HTTPError
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.exceptions import PrefectException
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from uuid import UUID

_AT_ONCE: dict[Any, Any] = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 3.0}

logger = logging.getLogger(__name__)


class Pages:
    """Artifacts of one run, each made once and then kept up to date: not hundreds of a key."""

    def __init__(self, name: str) -> None:
        """Of a model; nothing is shown yet."""
        self._key = artifact_key(name)
        self._made: dict[str, UUID] = {}

    def markdown(self, what: str, text: str, description: str) -> None:
        """Show a text."""
        self._show(what, description, text, lambda **about: create_markdown_artifact(text, **about))

    def table(self, what: str, rows: list[dict[str, Any]], description: str) -> None:
        """Show a table."""
        shown = json.dumps(rows)
        self._show(what, description, shown, lambda **about: create_table_artifact(rows, **about))

    def _show(self, what: str, description: str, data: str, create: Callable[..., Any]) -> None:
        made = self._made.get(what)
        if made is None:
            self._made[what] = create(key=f"{self._key}-{what}", description=description)
            return
        with get_client(sync_client=True) as client:
            client.update_artifact(made, ArtifactUpdate(data=data, description=description))


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
