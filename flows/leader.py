"""The event that Prefect's server never emits, and that its automations wait for.

A run that a schedule makes is inserted without the event of its first state. All later events of
the run say that they follow that one, and automations are told of none of them before it is seen,
or 15 minutes have passed: a crash in the night would be mended a quarter of an hour later. So the
run emits it itself, under the id that it would have had.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.exceptions import PrefectException

if TYPE_CHECKING:
    from uuid import UUID

EVENT = "retrain.run.scheduled"

logger = logging.getLogger(__name__)


def emit_first_event() -> UUID | None:
    """Emit it, where a schedule made this run; its id."""
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    if run is None or not run.auto_scheduled:
        return None
    try:
        with get_client(sync_client=True) as client:
            states = client.read_flow_run_states(run.id)
    except (HTTPError, PrefectException) as error:
        logger.warning("automations may hear of this run 15 minutes late: %s", error)
        return None
    first = min(states, key=lambda state: state.timestamp)
    resource = {
        "prefect.resource.id": f"prefect.flow-run.{run.id}",
        "prefect.resource.name": run.name,
    }
    emit_event(EVENT, resource=resource, id=first.id)
    return first.id
