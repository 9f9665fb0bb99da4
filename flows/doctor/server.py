"""What can be asked of the Prefect server."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx

from flows.doctor.check import Check, ok, problem, warning

SKEW_SECONDS = 5.0
"""The Date header counts whole seconds."""
LEASE_SECONDS = 60.0
"""`execution.lease_seconds` of a configuration that says nothing else."""
HERE = {"127.0.0.1", "localhost", "::1"}
CRASHED, OVERLOOKED, HOPELESS, VANISHED = (
    "retrain - go on with crashed runs",
    "retrain - go on with crashed runs that were overlooked",
    "retrain - give up on runs that cannot start",
    "retrain - find runs whose process vanished",
)
INSTALL = "make deploy (or: retrain automations deployments/automations.yaml)"
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers.

    Attributes:
        url: of its API.
        client: asks it.
    """

    url: str
    client: httpx.Client

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """What it answers."""
        answer = self.client.get(f"{self.url}/{path}")
        answer.raise_for_status()
        return answer.json()

    def all(self, path: str, **wanted: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
        """All that a filter finds."""
        found: list[dict[str, Any]] = []
        while True:
            page = {**wanted, "limit": 200, "offset": len(found)}
            answer = self.client.post(f"{self.url}/{path}/filter", json=page)
            answer.raise_for_status()
            more = answer.json()
            found += more
            if len(more) < page["limit"]:
                return found


def same_version(server: Server) -> Check:
    """Whether client and server speak alike."""
    theirs, ours = server.get("admin/version"), version("prefect")
    if theirs.split(".")[:2] == ours.split(".")[:2]:
        return ok("server", f"{server.url}, prefect {theirs}")
    return problem(
        "server",
        f"{server.url} has prefect {theirs}, here is {ours}",
        "install the same on both, the server first: pip install -c constraints.txt -e .",
    )


def ui_address(server: Server) -> Check:
    """Whether the UI in a browser asks this server, and not port 4200 of wherever it runs."""
    page = server.url.removesuffix("/api")
    try:
        told = server.client.get(f"{page}/ui-settings")
        address = str(told.raise_for_status().json()["api_url"])
        server.client.get(f"{address}/health").raise_for_status()
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return problem(
            "UI",
            f"its pages ask an API that does not answer: {error}",
            f"start the server with PREFECT_SERVER_UI_API_URL={server.url}",
        )
    asked, ours = urlsplit(address), urlsplit(server.url)
    if asked.hostname in HERE and ours.hostname not in HERE:
        return problem(
            "UI",
            f"its pages ask {address}, which is another machine for whoever looks",
            f"start the server with PREFECT_SERVER_UI_API_URL={server.url}",
        )
    return ok("UI", f"{page}, asks {address}")


def clock(server: Server) -> Check:
    """Whether the clock of this machine agrees with that of the server."""
    answer = server.client.get(f"{server.url}/health")
    theirs = parsedate_to_datetime(answer.headers["date"])
    skew = (dt.datetime.now(dt.UTC) - theirs).total_seconds()
    told = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
    mend = "set both clocks by NTP (timedatectl set-ntp true)"
    if abs(skew) > LEASE_SECONDS:
        return problem("clock", told, mend)
    if abs(skew) > SKEW_SECONDS:
        return warning("clock", told, mend)
    return ok("clock", f"agrees with the server's within {SKEW_SECONDS:.0f} s")


def automations(server: Server) -> list[Check]:
    """Whether dead runs are found and go on, and whether anybody is told."""
    found = {one["name"]: one for one in server.all("automations")}
    enabled = {name for name, one in found.items() if one["enabled"]}
    checks = [
        ok("automation", name)
        if name in enabled
        else problem("automation", f"none {does} ({name!r} is missing or paused)", INSTALL)
        for name, does in (
            (CRASHED, "goes on with crashed runs"),
            (OVERLOOKED, "goes on with crashed runs that a busy server overlooked"),
            (HOPELESS, "gives up on runs that cannot start"),
            (VANISHED, "finds runs whose process vanished"),
        )
    ]
    if not any(name.startswith("retrain - tell") for name in enabled):
        checks.append(
            warning(
                "notification",
                "nobody is told when a run fails",
                "make a notification block retrain-alerts (UI, Blocks), then make deploy",
            )
        )
    return [*checks, *_heartbeats(found.get(VANISHED))]


def _heartbeats(vanished: dict[str, Any] | None) -> list[Check]:
    """Whether a run beats often enough for who listens; asked where the worker runs."""
    from prefect.settings import get_current_settings

    every = get_current_settings().flows.heartbeat_frequency
    if every is None:
        return [
            problem(
                "heartbeats",
                "runs that start here send none",
                "set PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30 where workers run",
            )
        ]
    within = vanished["trigger"].get("within", 0) if vanished else None
    if within is not None and within < 3 * every:
        return [
            problem(
                "heartbeats",
                f"one every {every} s, and a run counts as vanished after {within:.0f} s without",
                f"set PREFECT_FLOWS_HEARTBEAT_FREQUENCY={max(30, int(within // 3))} or less, or "
                f"`within` of {VANISHED!r} to {3 * every} or more",
            )
        ]
    return [ok("heartbeats", f"one every {every} s")]
