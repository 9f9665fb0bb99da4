"""All checks, one after the other; what cannot be asked is said."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from flows.doctor import here
from flows.doctor.check import Check, problem, warning
from flows.doctor.deployments import deployed
from flows.doctor.server import SECONDS, Server, automations, clock, same_version, ui_address
from training.secrets import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ON_A_SERVER = "clock, UI, automations, heartbeats, deployments, schedules, worker"


def examine(storage: str) -> Iterator[Check]:
    """Each check as it is done.

    Args:
        storage: the one that the command is called for.
    """
    yield here.versions()
    yield here.disk(storage)
    yield here.reachable(storage)
    url = _url()
    if url is None:
        yield warning(
            "server",
            "none is set, so each command starts a temporary one: no UI that stays, no schedule",
            "make up, or set PREFECT_API_URL",
        )
        yield _skipped("no server is set")
        return
    with httpx.Client(timeout=SECONDS) as client:
        yield from _of_server(Server(url.rstrip("/"), client))


def _of_server(server: Server) -> Iterator[Check]:
    single: tuple[Callable[[Server], Check], ...] = (same_version, clock, ui_address)
    several: tuple[Callable[[Server], list[Check]], ...] = (automations, deployed)
    try:
        yield from (check(server) for check in single)
        for checks in several:
            yield from checks(server)
    except httpx.HTTPError as error:
        yield problem(
            "server",
            f"{server.url} does not answer as Prefect does: {without_secrets(str(error))}",
            f"start it (make up, prefect server start); see that {urlsplit(server.url).netloc} "
            "can be reached from here",
        )
        yield _skipped("the server does not answer")


def _skipped(why: str) -> Check:
    return Check("the rest", "skipped", f"{why}: {ON_A_SERVER}")


def _url() -> str | None:
    from prefect.settings import get_current_settings

    return get_current_settings().api.url
