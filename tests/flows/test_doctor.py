"""`retrain doctor`: each check finds what it is for, and each finding says the way out.

What a real server answers is looked at in `test_night`, where nothing is broken; here are answers
of one that is.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from flows.cli.app import main
from flows.code import code_version
from flows.doctor import deployments, here
from flows.doctor.server import (
    CRASHED,
    HOPELESS,
    OVERLOOKED,
    VANISHED,
    Server,
    automations,
    clock,
    same_version,
    ui_address,
)

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://prefect.example:4200/api"


def _server(answers: dict[str, Any], date: dt.datetime | None = None) -> Server:
    """One that answers by the end of the path; what it has no answer for is not there."""

    def answer(request: httpx.Request) -> httpx.Response:
        for path, body in answers.items():
            if request.url.path.endswith(path):
                headers = {"date": format_datetime(date or dt.datetime.now(dt.UTC), usegmt=True)}
                return httpx.Response(200, json=body, headers=headers)
        return httpx.Response(404)

    return Server(URL, httpx.Client(transport=httpx.MockTransport(answer)))


def _deployment(**other: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    known = {
        "id": "d",
        "name": "retrain",
        "version": code_version(),
        "paused": False,
        "work_pool_name": "retrain",
        "parameters": {"storage": "memory://doctor"},
        "schedules": [{"active": True, "schedule": {"cron": "0 1 * * *", "timezone": "UTC"}}],
    }
    return known | other


def _automation(name: str, *, enabled: bool = True, within: float = 600) -> dict[str, Any]:
    return {"name": name, "enabled": enabled, "trigger": {"within": within}}


WHOLE = {
    "deployments/filter": [_deployment()],
    "flow_runs/filter": [{"id": "r"}],
    "workers/filter": [{"status": "ONLINE"}],
}


def test_versions_that_do_not_fit_are_named() -> None:
    assert here.versions().status == "ok"
    check = here.versions(["fastapi<0.1", "no-such-package>1", 'nothing; extra == "x"'])
    assert check.status == "problem"
    assert "fastapi 0." in check.found
    assert "no-such-package is not installed" in check.found
    assert "nothing" not in check.found
    assert "constraints.txt" in check.mend


def test_a_disk_that_is_nearly_full_is_seen(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    storage = str(tmp_path / "not-there-yet")
    assert here.disk(storage, scarce=free // 2, too_little=0).status == "ok"
    assert here.disk(storage, scarce=free * 2, too_little=0).status == "warning"
    assert here.disk(storage, scarce=free * 2, too_little=free * 2).status == "problem"


def test_a_storage_is_tried_out_and_left_as_it_was(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    assert here.reachable(str(storage)).status == "ok"
    assert not storage.exists()
    storage.mkdir()
    assert here.reachable(str(storage)).status == "ok"
    (tmp_path / "file").write_text("no folder")
    assert here.reachable(str(tmp_path / "file/storage")).status == "problem"
    assert here.reachable(str(tmp_path / "file")).status == "problem"


def test_a_bucket_that_cannot_be_reached_is_a_problem(bucket_url: str) -> None:
    """And one that can be is none."""
    assert here.reachable(f"{bucket_url}/doctor").status == "ok"
    check = here.reachable("s3://no-such-bucket/doctor")
    assert check.status == "problem"
    assert "retrain-environment" in check.mend


def test_another_version_of_the_server_is_a_problem() -> None:
    assert same_version(_server({"admin/version": "3.8.1"})).status == "ok"
    assert same_version(_server({"admin/version": "3.4.0"})).status == "problem"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (URL, "ok"),
        ("http://127.0.0.1:4200/api", "problem"),  # whoever looks from elsewhere asks themselves
        ("http://prefect.example:4200/nowhere", "problem"),
    ],
)
def test_the_address_that_the_ui_asks(address: str, status: str) -> None:
    check = ui_address(_server({"ui-settings": {"api_url": address}, "api/health": True}))
    assert check.status == status
    assert status == "ok" or f"PREFECT_SERVER_UI_API_URL={URL}" in check.mend


@pytest.mark.parametrize(("seconds", "status"), [(0, "ok"), (-20, "warning"), (900, "problem")])
def test_a_clock_that_is_wrong_is_seen(seconds: int, status: str) -> None:
    date = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    assert clock(_server({"health": True}, date)).status == status


def test_automations_that_are_missing_or_paused_are_named() -> None:
    ours = (CRASHED, OVERLOOKED, HOPELESS, VANISHED, "retrain - tell of it")
    all_of_them = [_automation(name) for name in ours]
    found = automations(_server({"automations/filter": all_of_them}))
    assert {one.status for one in found} == {"ok"}
    paused = [_automation(CRASHED, enabled=False)]
    found = automations(_server({"automations/filter": paused}))
    assert [one.status for one in found[:5]] == [*["problem"] * 4, "warning"]
    assert "missing or paused" in found[0].found


def test_a_window_shorter_than_three_heartbeats_is_a_problem() -> None:
    """The default of Prefect is one in 180 s."""
    short = [_automation(CRASHED), _automation(VANISHED, within=300)]
    last = automations(_server({"automations/filter": short}))[-1]
    assert (last.name, last.status) == ("heartbeats", "problem")
    assert "PREFECT_FLOWS_HEARTBEAT_FREQUENCY=100" in last.mend


def test_runs_that_send_no_heartbeat_are_a_problem() -> None:
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        last = automations(_server({"automations/filter": []}))[-1]
    assert (last.name, last.status) == ("heartbeats", "problem")


@pytest.mark.parametrize(
    ("broken", "name", "status"),
    [
        ({}, "", "ok"),
        ({"deployments/filter": []}, "deployments", "warning"),
        ({"deployments/filter": [_deployment(version="0.1.0+other")]}, "code", "warning"),
        (
            {"deployments/filter": [_deployment(parameters={"storage": "./artifacts"})]},
            "storage ./artifacts",
            "problem",
        ),
        (
            {
                "deployments/filter": [
                    _deployment(schedules=[{"active": True, "schedule": {"cron": "0 1 * * *"}}])
                ]
            },
            "schedule of retrain",
            "warning",
        ),
        ({"flow_runs/filter": []}, "schedule of retrain", "problem"),
        ({"workers/filter": [{"status": "OFFLINE"}]}, "worker", "problem"),
    ],
)
def test_deployments_that_cannot_work_are_seen(
    broken: dict[str, Any], name: str, status: str
) -> None:
    found = deployments.deployed(_server(WHOLE | broken))
    odd = [check for check in found if check.status != "ok"]
    assert [(check.name, check.status) for check in odd] == ([(name, status)] if name else [])
    assert all(check.mend for check in odd)


def _doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, str]:
    """The command; its exit code and what it printed."""
    monkeypatch.setattr(sys, "argv", ["retrain", "doctor", *options])
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    return int(str(code or 0)), capsys.readouterr().out


def test_without_a_server_it_says_what_it_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No failure: the shell needs no server."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        code, out = _doctor(monkeypatch, capsys, "--json", "--storage", str(tmp_path))
    *_, server, rest = json.loads(out)
    assert (code, server["status"], rest["status"]) == (0, "warning", "skipped")
    assert "automations" in rest["found"]
    assert "make up" in server["mend"]


def test_a_server_that_is_gone_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        code, out = _doctor(monkeypatch, capsys, "--storage", str(tmp_path))
    assert code == 1
    assert "problem  server: http://127.0.0.1:9/api does not answer" in out
    assert "-> start it" in out
    assert "skipped  the rest" in out
