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

from training.retraining import Slot, newest_begun, note_missed, parse_moment
from training.retraining.moment import comparable

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from training.artifacts import ArtifactStore
    from training.config.retraining import RetrainingConfig

LOOKED_AT = 200
"""Flow runs of the deployment, the newest."""

logger = logging.getLogger(__name__)


def missed(store: ArtifactStore, name: str, policy: RetrainingConfig) -> dict[str, Any] | None:
    """The outcome of a slot that is left out, written into the ledger; None: it is to be done.

    Args:
        store: where the ledger is.
        name: of the model that this flow run would retrain.
        policy: the section `retraining`.
    """
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    if run is None or not _asked(run):
        return None
    slot = _slot(run, store, name)
    reason = slot.refusal(policy)
    if reason is None:
        return None
    logger.info("%s", reason)
    return note_missed(store, name, slot, reason)


def _asked(run: FlowRun) -> bool:
    """Whether nobody waits for it: made by a schedule or an automation, and begun for once."""
    maker = run.created_by.type if run.created_by else None
    by_itself = run.auto_scheduled or maker in {"SCHEDULE", "AUTOMATION"}
    return by_itself and run.deployment_id is not None and run.run_count <= 1


def _slot(run: FlowRun, store: ArtifactStore, name: str) -> Slot:
    now = dt.datetime.now(dt.UTC)
    mine = _moment(run)
    begun = newest_begun(store, name, now + dt.timedelta(days=1))
    moments = [*_others(run, now), *([begun] if begun else [])]
    late = now - (run.expected_start_time or now)
    return Slot(mine, late, max((one for one in moments if one > mine), default=None))


def _others(run: FlowRun, now: dt.datetime) -> list[dt.datetime]:
    """The moments of all that are due of the same deployment, for the same with other moments."""
    wanted: dict[str, Any] = {
        "deployment_id": {"any_": [run.deployment_id]},
        "expected_start_time": {"before_": now},
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
    return [_moment(one) for one in found if one.id != run.id and _work(one) == _work(run)]


def _moment(run: FlowRun) -> dt.datetime:
    """Up to where it is to look."""
    as_of = run.parameters.get("as_of")
    if as_of:
        return comparable(parse_moment(as_of))
    return run.expected_start_time or dt.datetime.now(dt.UTC)


def _work(run: FlowRun) -> dict[str, Any]:
    """What it does, whenever."""
    return {name: value for name, value in run.parameters.items() if name != "as_of"}
