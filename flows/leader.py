"""Events about a run that Prefect's server does not emit, and that its automations need.

A run that a schedule makes is inserted without the event of its first state. What happens to the
run within five minutes of that says that it follows this event, and automations are told of none
of it before the event is seen, or 15 minutes have passed: a crash would be mended a quarter of an
hour later. So the run emits it itself, under the id that it would have had: when it begins, and,
since it may be killed before that, once more when the worker has found it crashed.

And a crash is said in an event of ours, too, for where the server loses its own.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.events import Event, RelatedResource, Resource
from prefect.exceptions import PrefectException

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

SCHEDULED = "retrain.run.scheduled"
CRASHED = "retrain.run.crashed"

logger = logging.getLogger(__name__)


def emit_first_event() -> None:
    """Emit the first event, where a schedule made this run."""
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        _emit(context.flow_run)


def emit_after_crash(flow: object, flow_run: FlowRun, state: object) -> None:  # noqa: ARG001 - Prefect calls it by these names
    """A hook for `on_crashed`: the worker calls it, in a process of its own."""
    _emit(flow_run, crashed=True)


def _emit(run: FlowRun, *, crashed: bool = False) -> None:
    """By requests, not through Prefect's queue of events: that would die with the process."""
    if not (run.auto_scheduled or (crashed and run.deployment_id)):
        return
    try:
        with get_client(sync_client=True) as client:
            if run.auto_scheduled:
                states = client.read_flow_run_states(run.id)
                first = min(states, key=lambda state: state.timestamp)
                _post(client, run, SCHEDULED, first.id)
            if crashed:
                _post(client, run, CRASHED, uuid4())
    except (HTTPError, PrefectException) as error:
        logger.warning("automations may hear of this run 15 minutes late: %s", error)


def _post(client: SyncPrefectClient, run: FlowRun, event: str, number: UUID) -> None:
    about: dict[str, Any] = {
        "prefect.resource.id": f"prefect.flow-run.{run.id}",
        "prefect.resource.name": run.name,
    }
    tags = [
        {"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"}
        for tag in run.tags
    ]
    related = [RelatedResource(tag) for tag in tags]
    said = Event(event=event, resource=Resource(about), related=related, id=number)
    client.request("POST", "/events", json=[said.model_dump(mode="json")])
