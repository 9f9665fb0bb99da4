"""From `prefect deploy` to the morning after: form, events, schedule, a killed process, the end."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pyarrow.parquet as pq
import pytest

from training.artifacts import ArtifactStore
from training.config.load import load_config
from training.registry import ModelRegistry
from training.retraining import Retraining, ledger, parse_moment, retrain
from training.run import RunRecord, run_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.flows.conftest import Place

pytestmark = pytest.mark.slow

NAME = "sp500-direction-nightly"
QUICK = ["retraining.max_age_days=null", "training.epochs=4", "callbacks=[]"]
SOON = dt.timedelta(seconds=45)
"""15 s without a sign, at most 15 more until the server looks, and 5; a busy machine is slower."""


def _made_by(place: Place, maker: str, deployment: str, number: int = 1) -> list[UUID]:
    """Wait for flow runs that the server makes by itself and that are not waiting to be due."""
    wanted = {
        "deployments": {"id": {"any_": [place.deployment(deployment)]}},
        "flow_runs": {"expected_start_time": {"before_": _now()}},
        "sort": "EXPECTED_START_TIME_ASC",
    }
    deadline = time.monotonic() + 120
    while True:
        wanted["flow_runs"] = {"expected_start_time": {"before_": _now()}}
        found = place.api("flow_runs/filter", wanted)
        made = [UUID(one["id"]) for one in found if (one["created_by"] or {}).get("type") == maker]
        if len(made) >= number:
            return made
        assert time.monotonic() < deadline, (place.folder / "server.log").read_text()[-2000:]
        time.sleep(0.5)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


def _store(place: Place) -> ArtifactStore:
    return ArtifactStore(place.folder / "artifacts")


def test_a_person_fills_in_the_form(night: Place) -> None:
    """A field of a section and a single key over the file that the deployment names."""
    form = {
        "config_file": "configs/quickstart.yaml",
        "name": "by-form",
        "training": {"epochs": 2},
        "overrides": ["model.hidden=[8]"],
        "storage": str(night.folder / "by-form"),
    }
    run = night.start("train", form)
    night.finish(run)
    version = ModelRegistry(ArtifactStore(night.folder / "by-form")).get("by-form:1")
    assert version.card["identity"]["config"]["model"]["hidden"] == [8]
    assert version.card["identity"]["config"]["training"]["epochs"] == 2


def test_data_that_landed_are_trained_on_and_what_was_promoted_scores(night: Place) -> None:
    """Two days landed while nobody worked: the newer one is trained, the other is in the ledger."""
    path = f"deployments/{night.deployment('retrain')}"
    known = night.api(path)["parameters"]
    at_once = [*QUICK, "retraining.missed_after_minutes=0.001"]
    night.api(path, {"parameters": known | {"overrides": at_once}}, "PATCH")
    night.api("events", [_landed(day) for day in ("2002-11-29", "2002-12-02")])
    for run in _made_by(night, "AUTOMATION", "retrain", 2):
        night.finish(run)
    status = {line["as_of"]: line["status"] for line in ledger(_store(night), NAME)}
    assert status == {"2002-11-29T23:59:59.999999+00:00": "skipped", "2002-12-02": "promoted"}
    (scored,) = _made_by(night, "AUTOMATION", "score")
    night.finish(scored)
    assert night.api(f"flow_runs/{scored}")["parameters"]["model"] == f"{NAME}:1"
    assert pq.read_table(night.folder / "predictions.parquet").num_rows == 300


def _landed(day: str) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "event": "data.landed",
        "occurred": _now(),
        "resource": {"prefect.resource.id": "retrain.data.sp500"},
        "payload": {"as_of": day},
    }


@contextmanager
def _scheduled(place: Place, parameters: dict[str, Any]) -> Iterator[UUID]:
    """A schedule of `retrain` until its first run is no longer waiting; then no other follows."""
    path = f"deployments/{place.deployment('retrain')}/schedules"
    known = {UUID(one["id"]) for one in place.api("flow_runs/filter", {})}
    schedule = {"schedule": {"interval": 30}, "active": True, "parameters": parameters}
    (made,) = place.api(path, [schedule])
    while not (new := [one for one in _made_by(place, "SCHEDULE", "retrain") if one not in known]):
        time.sleep(0.2)
    assert place.api(f"flow_runs/{new[0]}")["auto_scheduled"]
    try:
        yield new[0]
    finally:
        place.api(f"{path}/{made['id']}", method="DELETE")


def test_the_schedule_fires_the_process_is_killed_and_nobody_is_needed(night: Place) -> None:
    """The automation finishes the run, with the bits of the run that nobody disturbed."""
    marker, storage = night.folder / "night.marker", night.folder / "night"
    kill = f"callbacks=[{{type: 'killing:Kill', marker: '{marker}'}}]"
    parameters = {"overrides": [*QUICK[:2], kill], "storage": str(storage)}
    with _scheduled(night, parameters) as run:
        night.until(run, "PENDING", "RUNNING", "CRASHED")
    night.until(run, "CRASHED")
    night.finish(run)
    crashed = next(at for at, name in _states(night, run) if name == "Crashed")
    assert _leader(night, run) < crashed  # so that automations hear of the crash at once
    store = ArtifactStore(storage)
    assert len(RunRecord(store, run_ids(store)[0]).attempts()) == 2
    due = night.api(f"flow_runs/{run}")["expected_start_time"]
    config = load_config(night.folder / "configs/retrain.yaml", QUICK)
    whole = retrain(Retraining(config, night.folder / "whole", as_of=parse_moment(due)))
    (line, *_) = [one for one in ledger(store, NAME) if one["status"] == "promoted"]
    assert line["model"]["digest"] == whole["model"]["digest"]
    assert line["redone_epochs"] == 1


def _states(place: Place, run: UUID) -> list[tuple[dt.datetime, str]]:
    """When it came into each state, and the state's name, oldest first."""
    found = place.api(f"flow_run_states/?flow_run_id={run}")
    return sorted((_moment(one["timestamp"]), one["name"]) for one in found)


def _leader(place: Place, run: UUID) -> dt.datetime:
    """When the event was emitted that everything else about a scheduled run follows."""
    about = {"id": [f"prefect.flow-run.{run}"]}
    wanted = {"event": {"name": ["retrain.run.scheduled"]}, "resource": about}
    (found,) = place.api("events/filter", {"filter": wanted})["events"]
    return _moment(found["occurred"])


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.mark.parametrize("running", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_run_that_is_killed_as_soon_as_it_has_a_process_is_gone_on_with(
    night: Place, *, running: bool
) -> None:
    """Before anything of ours began, or in its first moment: within about half a minute."""
    storage = night.folder / f"early-{running}"
    parameters = {"overrides": QUICK, "storage": str(storage)}
    with _scheduled(night, parameters) as run:
        night.kill(run, running=running)
    night.until(run, "CRASHED", seconds=30)
    night.until(run, "SCHEDULED", "PENDING", "RUNNING", "COMPLETED", seconds=60)
    night.finish(run)
    (_, crashed, again) = [
        at for at, name in _states(night, run) if name in {"Crashed", "Scheduled"}
    ]
    assert again - crashed < SOON


@contextmanager
def _automations(place: Place, shipped: str, quick: str) -> Iterator[None]:
    """With another number in one of them, that stands there once; then as they are shipped."""
    file, changed = place.folder / "deployments/automations.yaml", place.folder / "quick.yaml"
    assert file.read_text().count(shipped) == 1
    changed.write_text(file.read_text().replace(shipped, quick))
    place.retrain("automations", str(changed))
    try:
        yield
    finally:
        place.retrain("automations", str(file))


def test_a_crash_that_the_server_overlooked_is_gone_on_with_later(night: Place) -> None:
    """The automation that should have seen it is off meanwhile; another one hears of it."""
    first, storage = "retrain - go on with crashed runs", night.folder / "overlooked"
    with _automations(night, "within: 90", "within: 15"):
        night.enable(first, enabled=False)
        run = night.start("train", {"name": "overlooked", "storage": str(storage)})
        night.kill(run, running=False)
        night.until(run, "CRASHED", seconds=30)
        night.finish(run)
    night.enable(first, enabled=True)
    messages = [one["message"] for one in night.api(f"flow_run_states/?flow_run_id={run}")]
    assert "Its process died, and that was overlooked; it goes on where it stood." in messages


def test_a_process_that_cannot_even_start_is_given_up(night: Place) -> None:
    """Nothing of ours ever runs in it, so that no attempt is counted; here after three reports."""
    broken = night.folder / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text("import os\nos._exit(3)\n")
    with _automations(night, "threshold: 50", "threshold: 3"):
        run = night.start("train", {"name": "broken"}, {"env": {"PYTHONPATH": str(broken)}})
        night.until(run, "FAILED", seconds=150)
        time.sleep(25)  # in which a crash would be gone on with
    assert "died each time" in night.api(f"flow_runs/{run}")["state"]["message"]
    names = [name for _, name in _states(night, run)]
    assert names[-1] == "Failed"
    assert names.count("Scheduled") > 1


def test_a_run_that_is_pre_empted_saves_and_goes_on_elsewhere(night: Place) -> None:
    """SIGTERM to what a pod of Kubernetes starts: a checkpoint, Crashed, scheduled anew."""
    storage = night.folder / "pre-empted"
    overrides = ["model.hidden=[8]", "training.epochs=3", "callbacks=[{type: 'killing:Slow'}]"]
    form = {"name": "pre-empted", "overrides": overrides, "storage": str(storage)}
    night.api("work_pools/retrain", {"is_paused": True}, "PATCH")
    run = night.start("train", form)
    pod = night.start_module("flows.pod", PREFECT__FLOW_RUN_ID=str(run))
    store = ArtifactStore(storage)
    while not (names := run_ids(store)) or RunRecord(store, names[0]).progress() <= 1:
        assert pod.poll() is None, (night.folder / "flows.pod.log").read_text()[-2000:]
        time.sleep(0.2)
    pod.terminate()
    pod.wait(60)
    (attempt,) = RunRecord(store, names[0]).attempts()
    assert "checkpoint saved" in attempt["ended"]["reason"]
    night.api("work_pools/retrain", {"is_paused": False}, "PATCH")
    night.finish(run)
    outcome = RunRecord(store, names[0]).outcome
    assert outcome is not None
    assert outcome["result"]["redone_epochs"] == 0
    assert outcome["result"]["resumed_from"]["batch"] > 0


def test_the_doctor_finds_nothing_wrong_and_the_template_is_taken(night: Place) -> None:
    """Of this server, as it is; nobody is told of failures, which is a warning."""
    found = json.loads(night.retrain("doctor", "--json"))
    odd = {check["name"]: check for check in found if check["status"] != "ok"}
    assert set(odd) == {"notification"}, odd
    template = ("--base-job-template", "deployments/kubernetes.json")
    night.call("work-pool", "create", "pods", "--type", "kubernetes", *template)
    pool = night.api("work_pools/pods")["base_job_template"]["variables"]["properties"]
    assert pool["termination_grace_period_seconds"]["default"] == 60


def test_credentials_come_out_of_a_block_and_go_nowhere(night: Place, bucket_url: str) -> None:
    """The worker has none in its environment; neither log nor database says them."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL")
    values = {name: os.environ[name] for name in names}
    night.python(f"""
from prefect.blocks.system import Secret
Secret(value={values!r}).save("retrain-environment")
""")
    storage = f"{bucket_url}/{uuid4().hex}"
    overrides = ["model.hidden=[4]", "training.epochs=1", "callbacks=[]"]
    form = {"name": "in-a-bucket", "overrides": overrides, "storage": storage}
    run = night.start("train", form)
    night.finish(run)
    assert ModelRegistry(ArtifactStore(storage)).numbers("in-a-bucket") == [1]
    kept = [*night.folder.glob("*.log"), *(night.folder / "prefect").rglob("*.db*")]
    assert len(kept) > 2
    for file in kept:
        assert values["AWS_SECRET_ACCESS_KEY"].encode() not in file.read_bytes(), file
