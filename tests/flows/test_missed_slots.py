"""Slots of a schedule that were missed, on a real server: only the newest is trained, none, all."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pandas as pd
import pytest

from training.artifacts import ArtifactStore
from training.config.sources import SampleSource
from training.data.sources.sample import read_sample
from training.registry import ModelRegistry
from training.retraining import ledger, parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

NIGHTS = 3


class Night:
    """A deployment of `retrain` with a daily schedule, and the runs of it that were missed."""

    flow = "retrain"

    def __init__(self, client: SyncPrefectClient, storage: Path, **retraining: Any) -> None:  # noqa: ANN401 - keys of the section
        self.store = ArtifactStore(storage)
        self.name = f"night-{uuid4().hex[:8]}"
        config: dict[str, Any] = {
            "name": self.name,
            "data": {"source": {"type": "sample", "end": "2003-01-01"}},
            "model": {"type": "mlp", "hidden": [4]},
            "training": {"epochs": 1},
            "promotion": {"rules": []},
            "retraining": retraining,
        }
        self._client = client
        flow = self._post("flows/", {"name": self.flow})["id"]
        wanted = {
            "name": self.name,
            "flow_id": flow,
            "enforce_parameter_schema": False,
            "parameters": {"config": self.whole(config, storage), "storage": str(storage)},
            "schedules": [{"schedule": {"cron": _two_hours_ago(), "timezone": "UTC"}}],
        }
        self.deployment = self._post("deployments/", wanted)["id"]

    def whole(self, config: dict[str, Any], storage: Path) -> dict[str, Any]:
        """What the flow is given, of the configuration of its retraining."""
        return config

    def missed(self, nights: int = NIGHTS) -> list[FlowRun]:
        """Runs of the last nights, first to last, as the server makes them of a schedule."""
        now = dt.datetime.now(dt.UTC)
        start = (now - dt.timedelta(days=nights)).isoformat()
        asked = {"start_time": start, "end_time": now.isoformat(), "min_runs": nights}
        self._post(f"deployments/{self.deployment}/schedule", asked)
        wanted = {
            "deployments": {"id": {"any_": [self.deployment]}},
            "flow_runs": {"expected_start_time": {"before_": now.isoformat()}},
            "sort": "EXPECTED_START_TIME_ASC",
        }
        runs = [self._read(one["id"]) for one in self._post("flow_runs/filter", wanted)]
        assert len(runs) == nights
        assert all(run.auto_scheduled for run in runs)
        return runs

    def started_by_hand(self) -> FlowRun:
        """A run that somebody asks for now."""
        made = self._post(f"deployments/{self.deployment}/create_flow_run", {})
        return self._read(made["id"])

    def start(self, run: FlowRun) -> State[Any]:
        """What a worker does, in this process; the state that it ended in."""
        from prefect.flow_engine import run_flow

        from flows.pipeline import pipeline
        from flows.retrain import retrain

        flow: Any = {"retrain": retrain, "pipeline": pipeline}[self.flow]
        found: Any = run_flow(
            flow, flow_run=self._read(run.id), parameters=run.parameters, return_type="state"
        )
        return found  # type: ignore[no-any-return]  # a coroutine only of an async flow

    def crash(self, run: FlowRun) -> None:
        """Its process died after it had begun, and it is scheduled again."""
        for state in ("PENDING", "RUNNING", "CRASHED", "SCHEDULED"):
            self._post(f"flow_runs/{run.id}/set_state", {"state": {"type": state}, "force": True})

    def lines(self) -> list[tuple[str, str]]:
        """Moment and status of each line of the ledger."""
        return [(str(line["as_of"]), line["status"]) for line in ledger(self.store, self.name)]

    def versions(self) -> list[int]:
        return ModelRegistry(self.store).numbers(self.name)

    def _read(self, run: UUID) -> FlowRun:
        return self._client.read_flow_run(run)

    def _post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        answer = self._client._client.post(f"/{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None


class NightOfPipeline(Night):
    """The same of the larger pipeline, whose rows are those of a file."""

    flow = "pipeline"

    def whole(self, config: dict[str, Any], storage: Path) -> dict[str, Any]:
        rows = storage.parent / "rows.csv"
        read_sample(SampleSource(end=pd.Timestamp("2003-01-01"))).frame.to_csv(rows, index=False)
        features = {"features": [{"type": "returns", "lags": 2}]}
        return {
            "extract": {"type": "csv", "path": str(rows)},
            "retrain": config | {"data": features},
            "publish": {"type": "file", "path": str(storage.parent / "predictions.parquet")},
        }


def _two_hours_ago() -> str:
    """Each day: whenever the test runs, its newest slot is late, and none becomes due."""
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2)
    return f"{moment.minute} {moment.hour} * * *"


@pytest.fixture
def make(server: str, tmp_path: Path) -> Iterator[Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield partial(Night, client, tmp_path / "storage")


def _due(run: FlowRun) -> str:
    assert run.expected_start_time is not None
    return str(parse_moment(run.expected_start_time.isoformat()).isoformat())


def test_only_the_newest_is_trained_in_whatever_order_they_start(make: Any) -> None:  # noqa: ANN401 - a function
    """The others stand in the ledger and say why in their state."""
    night = make()
    first, second, newest = night.missed()
    told = {run.id: night.start(run) for run in (second, newest, first)}
    for run in (first, second):
        assert told[run.id].type.value == "COMPLETED"
        assert "minutes late, and that of" in told[run.id].message
        assert "retraining.missed_slots: newest" in told[run.id].message
    assert night.versions() == [1]
    assert night.lines() == [
        (_due(newest), "promoted"),  # by its last bar, of 2002
        (_due(first), "skipped"),
        (_due(second), "skipped"),
    ]
    assert night.start(night.started_by_hand()).type.value == "COMPLETED"


def test_what_was_begun_by_hand_for_a_newer_moment_counts_as_well(make: Any) -> None:  # noqa: ANN401 - a function
    """The ledger is asked, not the server alone."""
    night = make(skip_unchanged=False)
    (missed,) = night.missed(1)
    assert night.start(night.started_by_hand()).type.value == "COMPLETED"
    assert "minutes late, and that of" in night.start(missed).message
    assert night.versions() == [1]


def test_a_pipeline_leaves_out_what_a_retraining_would(server: str, tmp_path: Path) -> None:
    """Nothing is extracted, trained or published of it; the ledger and its state say why."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        night = NightOfPipeline(client, tmp_path / "storage")
        older, newest = night.missed(2)
        assert "retraining.missed_slots: newest" in (night.start(older).message or "")
        assert not (tmp_path / "predictions.parquet").exists()
        assert "completed: published" in (night.start(newest).message or "")
    assert night.lines() == [(_due(newest), "promoted"), (_due(older), "skipped")]
    assert night.versions() == [1]
    assert (tmp_path / "predictions.parquet").exists()


def test_one_that_had_begun_goes_on_though_it_is_late(make: Any) -> None:  # noqa: ANN401 - a function
    """A crash is no missed slot."""
    night = make(missed_slots="skip")
    (run,) = night.missed(1)
    night.crash(run)
    night.start(run)
    assert night.lines() == [(_due(run), "promoted")]


def test_those_too_late_are_left_out(make: Any) -> None:  # noqa: ANN401 - a function
    """`skip`: even the newest; within its minutes it is done."""
    night = make(missed_slots="skip")
    for run in night.missed(2):
        assert "minutes late (retraining.missed_slots: skip)" in night.start(run).message
    assert [status for _, status in night.lines()] == ["skipped"] * 2
    assert night.versions() == []
    patient = make(missed_slots="skip", missed_after_minutes=60 * 24 * 2)
    (run,) = patient.missed(1)
    patient.start(run)
    assert patient.versions() == [1]


def test_what_begins_a_little_late_was_not_missed(make: Any) -> None:  # noqa: ANN401 - a function
    """Else slots that come faster than a process starts would each leave it to the next."""
    night = make(missed_after_minutes=60 * 24 * 9, skip_unchanged=False)
    first, _ = night.missed(2)
    night.start(first)
    assert night.versions() == [1]


def test_each_is_trained(make: Any) -> None:  # noqa: ANN401 - a function
    """`all`: three slots that see the same rows are one version, and two lines that say so."""
    night = make(missed_slots="all")
    for run in night.missed():
        assert "missed" not in (night.start(run).message or "")
    assert [status for _, status in night.lines()] == ["promoted", "skipped", "skipped"]
    reasons = [line["reason"] for line in ledger(night.store, night.name)]
    assert reasons[1:] == ["skipped: data unchanged since v1"] * 2
