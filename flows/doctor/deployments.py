"""What is deployed: by which code, to which workers, into which storage, by which clock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.code import code_version
from flows.deploying import POOL
from flows.doctor.check import Check, ok, problem, warning
from flows.doctor.here import reachable

if TYPE_CHECKING:
    from flows.doctor.server import Server


def deployed(server: Server) -> list[Check]:
    """All that is asked of the deployments with the tag `retrain`."""
    tagged = server.all("deployments", deployments={"tags": {"all_": ["retrain"]}})
    if not tagged:
        return [warning("deployments", "there are none with the tag retrain", "make deploy")]
    return [
        code(tagged),
        *storages(tagged),
        *schedules(server, tagged),
        worker(server, {one["work_pool_name"] or POOL for one in tagged}),
    ]


def code(tagged: list[dict[str, Any]]) -> Check:
    """Whether they were made of the code that is here."""
    ours = code_version()
    other = sorted(f"{one['name']} ({one['version']})" for one in tagged if one["version"] != ours)
    if other:
        return warning(
            "code",
            f"here is {ours}; made of other code: {', '.join(other)}",
            "make deploy, and restart nothing: a worker reads the code anew for each run",
        )
    return ok("code", f"{len(tagged)} deployments are of {ours}, which is here")


def storages(tagged: list[dict[str, Any]]) -> list[Check]:
    """Whether a worker on this machine can use where they write to."""
    named = sorted({one["parameters"].get("storage", "./artifacts") for one in tagged})
    return [_storage(one) for one in named]


def _storage(storage: str) -> Check:
    if "://" not in storage and not Path(storage).is_absolute():
        return problem(
            f"storage {storage}",
            "a deployment names a relative folder: each worker would have its own",
            "RETRAIN_STORAGE=/a/folder or s3://… make deploy",
        )
    return reachable(storage)


def schedules(server: Server, tagged: list[dict[str, Any]]) -> list[Check]:
    """Whether they say whose clock they mean, and whether the server makes their runs."""
    active = {
        one["id"]: (one["name"], schedule["schedule"])
        for one in tagged
        if not one["paused"]
        for schedule in one["schedules"]
        if schedule["active"]
    }
    if not active:
        return [ok("schedules", "none is active")]
    found = []
    for deployment, (name, schedule) in active.items():
        if "cron" in schedule and not schedule.get("timezone"):
            found.append(
                warning(
                    f"schedule of {name}",
                    f"{schedule['cron']!r} has no time zone, so it means UTC",
                    "say timezone: in deployments/prefect.yaml, then make deploy",
                )
            )
        if not _planned(server, deployment):
            found.append(
                problem(
                    f"schedule of {name}",
                    "is active, and the server has made no run of it",
                    "see the server's log: its scheduler fails with SQLAlchemy 2.1 (pip install -c "
                    "constraints.txt -e . where it runs); right after a deployment wait a minute",
                )
            )
    return found or [ok("schedules", f"{len(active)} active, with a time zone and runs to come")]


def _planned(server: Server, deployment: str) -> bool:
    wanted = {
        "deployments": {"id": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}},
        "limit": 1,
    }
    answer = server.client.post(f"{server.url}/flow_runs/filter", json=wanted)
    answer.raise_for_status()
    return bool(answer.json())


def worker(server: Server, pools: set[str]) -> Check:
    """Whether somebody takes the runs."""
    idle = [pool for pool in sorted(pools) if not _online(server, pool)]
    if idle:
        return problem(
            "worker",
            f"none is up for the pool {', '.join(idle)}: runs wait as Late",
            f"prefect worker start --pool {idle[0]} (or, for this machine, make up)",
        )
    return ok("worker", f"up for {', '.join(sorted(pools))}")


def _online(server: Server, pool: str) -> bool:
    return any(one["status"] == "ONLINE" for one in server.all(f"work_pools/{pool}/workers"))
