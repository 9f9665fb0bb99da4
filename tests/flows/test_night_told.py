"""Who is told, and of what: each notification of this repository, sent by a real server."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.flows.conftest import Place

pytestmark = pytest.mark.slow

FILE = "deployments/notifications.yaml"
QUICK = ("retraining.max_age_days=null", "training.epochs=1", "callbacks=[]")


class Told(list[str]):
    """What somebody was told, in the order of telling."""

    def wait_for(self, subject: str) -> str:
        """The first message that has it."""
        deadline = time.monotonic() + 90
        while not (found := [one for one in self if subject in one]):
            assert time.monotonic() < deadline, f"{subject!r} is not in {list(self)}"
            time.sleep(0.2)
        return found[0]


@pytest.fixture(scope="module")
def told(night: Place) -> Iterator[Told]:
    """The notifications, sent here; of a run that nobody takes after seconds, not ten minutes."""
    assert "there is no notification block 'retrain-alerts'" in night.retrain("automations", FILE)
    messages = Told()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as webhook:
        thread = Thread(target=webhook.serve_forever)
        thread.start()
        night.python(f"""
from prefect.blocks.notifications import CustomWebhookNotificationBlock as Webhook
url = "http://127.0.0.1:{webhook.server_port}/"
what = {{"subject": "{{{{subject}}}}", "body": "{{{{body}}}}"}}
Webhook(name="alerts", url=url, json_data=what, allow_private_urls=True).save("retrain-alerts")
""")
        assert night.retrain("automations", FILE).count("created") == 3
        (night.folder / "quick.yaml").write_text(_after_seconds((night.folder / FILE).read_text()))
        assert night.retrain("automations", "quick.yaml").count("updated") == 3
        yield messages
        webhook.shutdown()
        thread.join()


def _after_seconds(notifications: str) -> str:
    assert notifications.count("within: 600") == 1
    return notifications.replace("within: 600", "within: 10")


def test_somebody_is_told_of_a_failure(night: Place, told: Told) -> None:
    """With what the state says."""
    run = night.start("train", {"name": "fails", "overrides": ["data.source.end=1990-01-01"]})
    assert night.until(run, "COMPLETED", "FAILED") == "FAILED"
    message = told.wait_for("train fails failed")
    assert night.api(f"flow_runs/{run}")["state"]["message"][:30] in message


def test_somebody_is_told_of_a_rejected_model(night: Place, told: Told) -> None:
    """Which version, and why."""
    storage, strict = str(night.folder / "told"), "[{type: better, metric: test_loss, by: 1000}]"
    for day, rules in (("2002-11-29", "[]"), ("2003-01-31", strict)):
        overrides = [*QUICK, f"promotion.rules={rules}"]
        form = {"name": "told", "overrides": overrides, "as_of": day, "storage": storage}
        night.finish(night.start("retrain", form))
    message = told.wait_for("told:2: model.rejected")
    assert "test_loss" in message
    assert not any("told:1" in one for one in told)


@pytest.mark.long
def test_somebody_is_told_of_a_run_that_nobody_takes(night: Place, told: Told) -> None:
    """It is late, and no worker takes it; nothing is told of it once one does."""
    night.api("work_pools/retrain", {"is_paused": True}, "PATCH")
    form = {"name": "waits", "overrides": [*QUICK, "model.hidden=[4]"]}
    run = night.start("train", form | {"storage": str(night.folder / "waits")})
    told.wait_for(f"{night.api(f'flow_runs/{run}')['name']} waits for a worker")
    night.api("work_pools/retrain", {"is_paused": False}, "PATCH")
    night.finish(run)
