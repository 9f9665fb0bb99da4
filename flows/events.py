"""Events in Prefect, so that automations and other deployments can be triggered by them.

`model.registered`, `model.promoted`, `model.rejected`, `model.awaiting-approval` and
`training.stopped-early`. An event is emitted with an id that follows from what it says, and again
at each later flow of that model until the server is seen to have it; a server keeps an id once.

`data.landed` goes the other way: somebody else's flow says that data are there, and an automation
starts ours.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.exceptions import PrefectException

from training.errors import StorageError
from training.retraining import SlotRecord, slots, standing
from training.run import RunRecord, runs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from training.artifacts import ArtifactStore

logger = logging.getLogger("flows.events")

OF_STATUS = {
    "promoted": "model.promoted",
    "rejected": "model.rejected",
    "awaiting-approval": "model.awaiting-approval",
}
DATA_LANDED = "data.landed"
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event.

    Attributes:
        event: such as `model.promoted`.
        model: `name`, `version`, `digest`.
        payload: reference, metrics, reason.
        record: where it is noted that the server has it.
    """

    event: str
    model: dict[str, Any]
    payload: dict[str, Any]
    record: RunRecord | SlotRecord

    @property
    def id(self) -> UUID:
        """The same for the same event, whoever emits it and however often."""
        said = f"{self.record.folder}/{self.event}/{self.reference}/{self.model['digest']}"
        return uuid5(NAMESPACE_URL, f"retrain:{said}")

    @property
    def reference(self) -> str:
        """Of the version."""
        return f"{self.model['name']}:{self.model['version']}"

    def emit(self) -> None:
        """Hand it to Prefect, which sends it in the background."""
        resource = {
            "prefect.resource.id": f"retrain.model.{self.model['name']}",
            "prefect.resource.name": self.model["name"],
            "retrain.version": str(self.model["version"]),
        }
        payload = {"reference": self.reference, **self.payload}
        emit_event(self.event, resource=resource, payload=payload, id=self.id)


def announce(store: ArtifactStore, name: str) -> None:
    """Emit what no server is known to have, and note what this one has by now.

    A server that cannot be asked is a warning: the next flow of that model emits again.
    """
    waiting = list(_waiting(store, name))[-AT_ONCE:]
    try:
        known = _recorded(one.id for one in waiting)
        for one in waiting:
            if one.id in known:
                one.record.note_announced(one.event)
            else:
                one.emit()
    except (HTTPError, PrefectException) as error:
        logger.warning("events of %s could not be emitted: %s", name, error)


def data_landed(name: str, as_of: str, **more: Any) -> UUID:  # noqa: ANN401 - any plain values
    """Say that the data of a slot are there; an automation starts a deployment of ours then.

    Without this project installed the same is `emit_event("data.landed", …)` of Prefect's own.

    Args:
        name: of the data: the resource is `retrain.data.NAME`.
        as_of: up to where they go, such as 2026-11-23: `payload.as_of`.
        more: what else is to stand in the payload, in plain values.

    Returns:
        The event's id: the same for the same name and moment, so that saying it again, as a retry
        does, starts nothing again.
    """
    told = uuid5(NAMESPACE_URL, f"retrain:{DATA_LANDED}/{name}/{as_of}")
    resource = {"prefect.resource.id": f"retrain.data.{name}", "prefect.resource.name": name}
    emit_event(DATA_LANDED, resource=resource, payload={"as_of": as_of, **more}, id=told)
    return told


def _waiting(store: ArtifactStore, name: str) -> Iterator[Announcement]:
    """All that is not noted as recorded, runs first."""
    for about in runs_of(store, name):
        yield from _of_run(RunRecord(store, about["run_id"]))
    for record in slots(store, name):
        try:
            outcome = record.outcome and standing(store, record.outcome)
        except StorageError as error:  # the ledger shows it as damaged
            logger.warning("no event for %s: %s", record.folder, error)
            continue
        event = OF_STATUS.get(outcome["status"]) if outcome else None
        if outcome and event and not record.is_announced(event):
            keys = ("slot", "reason", "metrics", "champion", "run_id")
            yield Announcement(event, outcome["model"], {k: outcome[k] for k in keys}, record)


def _of_run(record: RunRecord) -> Iterator[Announcement]:
    outcome = record.outcome
    if outcome is None:
        return
    result = outcome["result"]
    events = ["model.registered"] + ["training.stopped-early"] * result["stopped_early"]
    for event in events:
        if not record.is_announced(event):
            keys = ("run_id", "metrics", "epochs_completed", "best_epoch", "stop_reason")
            yield Announcement(event, result["model"], {k: result[k] for k in keys}, record)


def _recorded(ids: Iterable[UUID]) -> set[UUID]:
    """Those that the server has in its database."""
    asked = [str(one) for one in ids]
    if not asked:
        return set()
    with get_client(sync_client=True) as client:
        answer = client.request("POST", "/events/filter", json={"filter": {"id": {"id": asked}}})
        answer.raise_for_status()
        return {UUID(event["id"]) for event in answer.json()["events"]}
