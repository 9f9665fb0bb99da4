"""Telling Prefect how earlier attempts of a run ended, where it never heard.

A process that is killed, or that outlives the server, leaves its flow run Running for ever: it
misleads whoever looks, and may keep a place of a concurrency limit. Whoever holds the run knows
that those attempts are over, and how.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Completed, Crashed, Failed

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import State

    from training.run import RunRecord

LOOKED_AT = 10
"""Attempts, the newest: older ones were looked at by those after them."""

logger = logging.getLogger(__name__)


def reconcile(record: RunRecord, current: str | None = None) -> list[str]:
    """Set the state of flow runs that are not, though their attempts are over.

    Args:
        record: of a run that this process holds, or that is finished.
        current: the flow run that is at work now.

    Returns:
        Ids of the flow runs that were set.
    """
    over = [one for one in record.attempts() if one["number"] != record.attempt][-LOOKED_AT:]
    last = {
        one["flow_run_id"]: one for one in over if one.get("flow_run_id") not in {None, current}
    }
    if not last:
        return []
    try:
        with get_client(sync_client=True) as client:
            return [name for name, one in last.items() if _settle(client, UUID(name), one)]
    except (HTTPError, PrefectException) as error:
        logger.warning("Prefect could not be told how earlier attempts ended: %s", error)
        return []


def _settle(client: SyncPrefectClient, flow_run_id: UUID, attempt: dict[str, Any]) -> bool:
    try:
        state = client.read_flow_run(flow_run_id).state
    except ObjectNotFound:  # of another server, or deleted
        return False
    if state is None or state.is_final():
        return False
    client.set_flow_run_state(flow_run_id, _ending(attempt), force=True)
    logger.info("flow run %s was still %s: it is over", flow_run_id, state.name)
    return True


def _ending(attempt: dict[str, Any]) -> State[Any]:
    ended = attempt["ended"]
    if ended is None:
        return Crashed(message="the process was killed; seen at the next start of the run")
    told = f"{ended['reason']} (Prefect did not hear of it then)"
    if ended["status"] == "completed":
        return Completed(message=told)
    return Crashed(message=told) if ended["status"] == "interrupted" else Failed(message=told)
