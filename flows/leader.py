"""The event that Prefect's server never emits, and that its automations wait for.

A run that a schedule makes is inserted without the event of its first state. What happens to the
run within five minutes of that says that it follows this event, and automations are told of none
of it before the event is seen, or 15 minutes have passed: a crash would be mended a quarter of an
hour later. So the run emits it itself, under the id that it would have had: when it begins, and,
since it may be killed before that, once more when the worker has found it crashed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.events import Event, RelatedResource, Resource
from prefect.exceptions import PrefectException

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun

EVENT = "retrain.run.scheduled"

logger = logging.getLogger(__name__)


def emit_first_event() -> UUID | None:
    """Emit it, where a schedule made this run; its id."""
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    return None if run is None else _emit(run)


def emit_after_crash(flow: object, flow_run: FlowRun, state: object) -> None:  # noqa: ARG001 - Prefect calls it by these names
    """A hook for `on_crashed`: the worker calls it, in a process of its own."""
    _emit(flow_run)


def _emit(run: FlowRun) -> UUID | None:
    if not run.auto_scheduled:
        return None
    try:
        with get_client(sync_client=True) as client:
            states = client.read_flow_run_states(run.id)
            first = min(states, key=lambda state: state.timestamp)
            # A request, not Prefect's queue of events: that would die with the process.
            client.request("POST", "/events", json=[_event(run, first.id)])
    except (HTTPError, PrefectException) as error:
        logger.warning("automations may hear of this run 15 minutes late: %s", error)
        return None
    return first.id


def _event(run: FlowRun, first: UUID) -> dict[str, Any]:
    resource = {
        "prefect.resource.id": f"prefect.flow-run.{run.id}",
        "prefect.resource.name": run.name,
    }
    tags = [
        {"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"}
        for tag in run.tags
    ]
    related = [RelatedResource(tag) for tag in tags]
    event = Event(event=EVENT, resource=Resource(resource), related=related, id=first)
    return event.model_dump(mode="json")
