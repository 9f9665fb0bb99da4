"""Deployed: a real server, a real worker, a process that is killed, and somebody who retries it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from uuid import UUID

import pytest

from training.artifacts import ArtifactStore
from training.config.load import parse_config
from training.engine import TrainingEngine
from training.registry import ModelRegistry
from training.retraining import Retraining, ledger, retrain
from training.run import RunRecord, TrainingRun, run_ids

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flows.conftest import Place


pytestmark = pytest.mark.slow


def _config(folder: Path, name: str, times: int = 1, **execution: Any) -> dict[str, Any]:  # noqa: ANN401 - a section
    callback = {"type": "killing:Kill", "marker": str(folder / f"{name}.marker"), "times": times}
    return {
        "name": name,
        "data": {"source": {"type": "sample", "end": "2003-01-01"}},
        "model": {"type": "mlp", "hidden": [8]},
        "training": {"epochs": 4, "batch_size": 32},
        "callbacks": [callback],
        "execution": execution,
    }


def _undisturbed(config: dict[str, Any], storage: Path) -> str:
    run = TrainingRun(parse_config(config | {"callbacks": []}), storage)
    return str(TrainingEngine().finish(run).model["digest"])


def _registered(storage: Path, name: str) -> str:
    registry = ModelRegistry(ArtifactStore(storage))
    assert registry.numbers(name) == [1]
    return registry.get(name).digest


def test_a_killed_run_is_retried_and_shows_what_was_done_as_cached(place: Place) -> None:
    """By a person: `prefect flow-run retry`, or Retry in the UI; other parameters are refused."""
    config, storage = _config(place.folder, "retried"), place.folder / "retried"
    run = place.run(config, str(storage))
    place.until(run, "CRASHED")
    time.sleep(5)  # the worker reports the crash a second time, which would undo the retry
    place.change(run, config | {"training": {"epochs": 5, "batch_size": 32}})
    place.call("flow-run", "retry", str(run))
    assert place.until(run, "FAILED", "COMPLETED") == "FAILED"
    message = place.api(f"flow_runs/{run}")["state"]["message"]
    assert "parameters were changed since: training.epochs 4 -> 5; put them back" in message
    place.change(run, config | {"execution": {"retries": 1}})  # cannot change the result
    place.call("flow-run", "retry", str(run))
    place.until(run, "COMPLETED")
    tasks = place.tasks(run)
    assert [tasks[f"train-epoch {epoch}"] for epoch in (1, 2)] == ["Cached", "Cached"]
    assert [tasks[f"save-checkpoint {epoch}"] for epoch in (1, 2)] == ["Cached", "Cached"]
    assert [tasks[f"train-epoch {epoch}"] for epoch in (3, 4)] == ["Completed", "Completed"]
    assert _registered(storage, "retried") == _undisturbed(config, place.folder / "whole")


def test_a_form_trains_what_the_shell_trains(place: Place) -> None:
    """Field by field, or a file and single keys: equal weights, and the name says what it is."""
    whole = _config(place.folder, "formed") | {"callbacks": []}
    undisturbed = _undisturbed(whole, place.folder / "whole-formed")
    (place.folder / "formed.yaml").write_text(json.dumps(whole | {"training": {"epochs": 9}}))
    form: dict[str, Any] = {
        "name": "formed",
        "data": {"source": "sample", "end": "2003-01-01", "target": "direction"},
        "model": {"type": "mlp", "hidden": [8]},
        "training": {"epochs": 4, "batch_size": 32},
    }
    file: dict[str, Any] = {"config_file": "formed.yaml", "overrides": ["training.batch_size=32"]}
    for way, fields in (("form", form), ("file", file | {"training": {"epochs": 4}})):
        storage = place.folder / f"formed-{way}"
        run = place.fill_in(**fields, storage=str(storage))
        place.until(run, "COMPLETED")
        assert _registered(storage, "formed") == undisturbed
        shown = place.api(f"flow_runs/{run}")
        assert shown["name"] == "train formed"
        assert shown["state"]["message"].startswith("formed:1 completed: new run")


def test_wrong_values_are_refused_by_the_form_or_at_once(place: Place) -> None:
    """Limits and choices by the server; the rest in the shell's words, with nothing written."""
    for refused in ({"training": {"epochs": -1}}, {"model": {"type": "nope"}},
                    {"data": {"validation": 1}}, {"training": {"epoch": 3}}):  # fmt: skip
        with pytest.raises(HTTPError) as error:
            place.fill_in(**refused)
        error.value.close()
        assert error.value.code == 409
    storage = place.folder / "wrong"
    for fields, words in (
        ({"overrides": ["training.epoch=3"]}, "training.epoch = 3: unknown key; did you mean"),
        ({"data": {"source": "csv", "path": "no.csv"}}, "no.csv"),
    ):
        run = place.fill_in(name="wrong", **fields, storage=str(storage))
        assert place.until(run, "FAILED", "COMPLETED") == "FAILED"
        message = place.api(f"flow_runs/{run}")["state"]["message"]
        assert words in message
        assert "Traceback" not in message
        assert "Error" not in message
    assert not storage.exists()


def test_a_cancelled_run_has_a_checkpoint_and_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled in the UI, in the middle of an epoch; resumed from the shell, to the same end."""
    monkeypatch.syspath_prepend(str(place.folder))
    storage = place.folder / "cancelled"
    config = _config(place.folder, "cancelled") | {"callbacks": [{"type": "killing:Slow"}]}
    run = place.run(config, str(storage))
    place.until(run, "RUNNING")
    store = ArtifactStore(storage)
    while not (names := run_ids(store)) or not RunRecord(store, names[0]).progress() > 1:
        time.sleep(0.2)
    place.api(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    place.until(run, "CANCELLED")
    record = RunRecord(store, names[0])
    (attempt,) = record.attempts()
    assert attempt["ended"]["status"] == "interrupted"
    assert "checkpoint saved" in attempt["ended"]["reason"]
    result = TrainingEngine().finish(TrainingRun(parse_config(config), storage))
    assert result.resumed_from is not None
    assert result.resumed_from["batch"] > 0
    assert result.redone_epochs == 0
    assert result.model["digest"] == _undisturbed(config, place.folder / "whole-cancelled")


@pytest.mark.long
def test_the_automation_goes_on_with_a_crashed_run_until_it_is_enough(place: Place) -> None:
    """Nobody touches it; one that is killed each time ends as Failed, and stays so."""
    place.call("automation", "create", "--from-file", "deployments/automations.yaml")
    once = _config(place.folder, "once")
    ever = _config(place.folder, "ever", times=99, max_attempts=1)
    runs = {
        name: place.run(config, str(place.folder / name))
        for name, config in (("ever", ever), ("once", once))
    }
    place.until(runs["ever"], "FAILED")
    failed = time.monotonic()
    message = place.api(f"flow_runs/{runs['ever']}")["state"]["message"]
    assert "execution.max_attempts = 1" in message
    place.until(runs["once"], "COMPLETED")
    whole = _undisturbed(once, place.folder / "whole-once")
    assert _registered(place.folder / "once", "once") == whole
    store = ArtifactStore(place.folder / "once")
    assert len(RunRecord(store, run_ids(store)[0]).attempts()) == 2
    time.sleep(max(0.0, failed + 18 - time.monotonic()))  # longer than the automation waits
    assert place.state(runs["ever"]) == "FAILED"


def test_a_person_approves_in_the_ui_and_nothing_waited(place: Place) -> None:
    """The retraining ends at once; the flow that asks is suspended until the form is filled in."""
    storage = place.folder / "approved"
    config = parse_config(
        {
            "name": "approved",
            "data": {"source": {"type": "sample", "end": "2003-01-01"}},
            "model": {"type": "mlp", "hidden": [8]},
            "training": {"epochs": 1},
            "promotion": {"rules": [{"type": "approval"}]},
        }
    )
    assert retrain(Retraining(config, storage))["status"] == "awaiting-approval"
    registry = ModelRegistry(ArtifactStore(storage))
    assert registry.alias("approved", "champion") is None
    deployment = place.api("deployments/name/approve/approve")["id"]
    body = {
        "parameters": {"model": "approved:1", "storage": str(storage)},
        "state": {"type": "SCHEDULED"},
    }
    asking = UUID(place.api(f"deployments/{deployment}/create_flow_run", body)["id"])
    place.until(asking, "PAUSED")
    form = {"run_input": {"promote": True, "who": "ann", "why": "looks good"}}
    place.api(f"flow_runs/{asking}/resume", form)
    place.until(asking, "COMPLETED", "FAILED", "CRASHED")
    assert registry.alias("approved", "champion") == 1
    (move,) = registry.alias_history("approved", "champion")
    assert (move.who, move.why.split(";")[0]) == ("ann", "approved by ann: looks good")
    (line,) = ledger(registry.store, "approved")
    assert line["status"] == "promoted"
