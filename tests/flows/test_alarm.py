"""The alarm while an epoch takes far too long: in the log, as an artifact, as an event."""

from __future__ import annotations

import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SLOW = """
import time
from training.callbacks import CallbackBase
class Slow(CallbackBase):
    def identity(self):
        return None
    def on_epoch_begin(self, record):
        if record.epoch in (7, 9):
            time.sleep(4)
"""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second is too long, or twice what is usual, and it is looked at often."""
    monkeypatch.setattr("flows.pace.SECONDS", 0.5)
    monkeypatch.setattr("flows.pace.TIMES", 2)
    monkeypatch.setattr("flows.alarm.SECONDS_BETWEEN", 0.05)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lines of the log; Prefect takes away pytest's own handler when it sets up its logging."""
    lines: list[str] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: lines.append(record.getMessage()))
    monkeypatch.setattr(logging.getLogger("flows.alarm"), "handlers", [handler])
    return lines


def _run(name: str) -> Any:  # noqa: ANN401 - what of a run is needed
    return SimpleNamespace(run_id=f"{name}-1", config=SimpleNamespace(name=name))


def _artifacts(key: str) -> list[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        return list(client.read_artifacts(artifact_filter=chosen))


def _events(name: str) -> list[dict[str, Any]]:
    from prefect.client.orchestration import get_client

    chosen = {"event": {"name": ["training.slow-epoch"]}}
    with get_client(sync_client=True) as client:
        answer = client.request("POST", "/events/filter", json={"filter": chosen})
        events: list[dict[str, Any]] = answer.json()["events"]
    return [one for one in events if one["resource"]["prefect.resource.name"] == name]


@pytest.mark.usefixtures("server", "quick")
def test_a_slow_epoch_is_told_while_it_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    """Each slow epoch once, with the time it took and the usual one; the run is what it was."""
    from flows.train import deliver, train

    (tmp_path / "slowing.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = {
        "name": "slow",
        "data": {"source": {"type": "sample", "end": "2001-01-01"}},
        "model": {"type": "logistic"},
        "training": {"epochs": 10, "batch_size": 256},
        "callbacks": [{"type": "slowing:Slow"}],
    }
    result = train(config, storage=str(tmp_path / "s"))
    assert result["epochs_completed"] == 10
    assert [line[:17] for line in told] == ["epoch 7 has taken", "epoch 9 has taken"]
    assert len(_artifacts("slow-slow-epoch")) == 2
    deliver()
    until = time.monotonic() + 20
    while len(found := _events("slow")) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    assert sorted(event["payload"]["epoch"] for event in found) == [7, 9]
    assert all(event["payload"]["run_id"] == result["run_id"] for event in found)


@pytest.mark.usefixtures("server", "quick")
def test_without_slow_epochs_nothing_is_said(told: list[str]) -> None:
    """Nor between epochs, nor after the end, nor before five are known."""
    from flows.alarm import SlowEpochAlarm

    alarm = SlowEpochAlarm(_run("even"))
    with alarm:
        alarm.begins(1)
        time.sleep(0.7)  # the first may take as long as it wants
        alarm.ended()
        for epoch in range(2, 9):
            alarm.begins(epoch)
            time.sleep(0.01)
            alarm.ended()
        time.sleep(0.7)  # between epochs nothing is trained
    alarm.begins(9)
    time.sleep(0.7)
    assert not told
    assert not _artifacts("even-slow-epoch")


@pytest.mark.usefixtures("quick")
def test_a_server_that_is_away_does_not_end_the_watch(
    told: list[str], monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    """The line in the log is there, and the next slow epoch is told too."""
    from httpx import ConnectError

    from flows.alarm import SlowEpochAlarm

    def away(**_: Any) -> None:  # noqa: ANN401 - as the real one
        raise ConnectError("away")

    monkeypatch.setattr("flows.alarm.create_markdown_artifact", away)
    with SlowEpochAlarm(_run("away")) as alarm:
        for epoch in range(1, 9):
            alarm.begins(epoch)
            time.sleep(2.5 if epoch > 6 else 0.01)
            alarm.ended()
    assert [line[:7] for line in told] == ["epoch 7", "epoch 8"]
    assert server
