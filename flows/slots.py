"""Which slots of a schedule are still done when their time passed while nothing ran.

Prefect has no setting for it: after a server or a worker was away, every flow run that was
scheduled meanwhile starts, all at once. Each asks here whether it is to go on. What a person
started is not asked, nor what goes on after a crash.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException

from training.retraining import Slot, newest_begun, note_missed

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from training.retraining import Retraining

LOOKED_AT = 200
"""Flow runs that were due after this one; of one deployment."""

logger = logging.getLogger(__name__)


def missed(retraining: Retraining) -> dict[str, Any] | None:
    """The outcome of a slot that is left out, written into the ledger; None: it is to be done."""
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    if run is None or run.expected_start_time is None or not _asked(run):
        return None
    slot = _slot(run, run.expected_start_time, retraining)
    reason = slot.refusal(retraining.config.retraining)
    if reason is None:
        return None
    logger.info("%s", reason)
    return note_missed(retraining.store, retraining.name, slot, reason)


def _asked(run: FlowRun) -> bool:
    """Whether nobody waits for it: made by a schedule or an automation, and begun for once."""
    maker = run.created_by.type if run.created_by else None
    by_itself = run.auto_scheduled or maker in {"SCHEDULE", "AUTOMATION"}
    return by_itself and run.deployment_id is not None and run.run_count <= 1


def _slot(run: FlowRun, due: dt.datetime, retraining: Retraining) -> Slot:
    now = dt.datetime.now(dt.UTC)
    begun = newest_begun(retraining.store, retraining.name, now)
    moments = [*_due_after(run, due, now), *([begun] if begun else [])]
    return Slot(due, now, max((one for one in moments if one > due), default=None))


def _due_after(run: FlowRun, due: dt.datetime, now: dt.datetime) -> list[dt.datetime]:
    """When flow runs of the same deployment with the same parameters were due after this one."""
    wanted: dict[str, Any] = {
        "deployment_id": {"any_": [run.deployment_id]},
        "expected_start_time": {"after_": due, "before_": now},
        "state": {"type": {"not_any_": ["CANCELLED", "CANCELLING"]}},
    }
    try:
        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate(wanted),
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=LOOKED_AT,
            )
    except (HTTPError, PrefectException) as error:
        logger.warning("Prefect could not be asked for newer slots; the ledger was: %s", error)
        return []
    return [
        other.expected_start_time
        for other in found
        if other.expected_start_time and other.id != run.id and other.parameters == run.parameters
    ]
