"""The flow on a real Prefect server: names, results, retries, what is cached and what is not."""

from __future__ import annotations

import errno
import json
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from training.artifacts import ArtifactStore, fs
from training.config.load import parse_config
from training.errors import DataError
from training.registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prefect.client.schemas.objects import FlowRun, TaskRun

    from training.config import RunConfig

    Flow = Callable[..., dict[str, Any]]

FAILING = """
from training.callbacks import CallbackBase
class Fail(CallbackBase):
    def __init__(self, marker, epoch, batch=1):
        self.marker, self.at = marker, (epoch, batch)
    def identity(self):
        return None
    def on_batch_end(self, record):
        import os
        if (record.epoch, record.batch) == self.at and not os.path.exists(self.marker):
            open(self.marker, "w").close()
            raise OSError("on purpose")
"""


@pytest.fixture
def flow(server: str, tmp_path: Path) -> Flow:
    """Run the flow on the sample, in this process."""
    from flows.train import train

    def run(config: RunConfig | None = None, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - the flow's own
        storage = parameters.pop("storage", str(tmp_path / "storage"))
        result: dict[str, Any] = train(config or _config(), storage=storage, **parameters)
        return result

    return run


def test_findings_in_the_data_are_a_table_in_the_ui(flow: Flow, tmp_path: Path) -> None:
    """Rows of a warning, and those of an error that ends the run before anything is written."""
    dates = [f"2024-{1 + at // 28:02d}-{1 + at % 28:02d}" for at in range(140)]
    rows = [f"{day},{100 + at % 7}" for at, day in enumerate(dates)]
    (tmp_path / "gap.csv").write_text("\n".join(["date,close", *rows[:50], *rows[60:]]))
    (tmp_path / "bad.csv").write_text("\n".join(["date,close", *rows[:50], "2024-06-30,-1"]))
    for name, check in (("gap", "gaps"), ("bad", "read")):
        data = {
            "source": {"type": "csv", "path": str(tmp_path / f"{name}.csv")},
            "features": [{"type": "returns"}],
        }
        config = parse_config({"name": f"found.{name}", "data": data, "training": {"epochs": 1}})
        with pytest.raises(DataError) if name == "bad" else nullcontext():
            flow(config, storage=str(tmp_path / name))
        (found,) = _artifacts(f"found-{name}-findings")
        assert check in {row["check"] for row in json.loads(found.data)}
    assert not (tmp_path / "bad").exists()


def _artifacts(key: str) -> list[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        return list(
            client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
        )


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunConfig]:
    """A configuration whose callback fails once, at a batch of an epoch."""
    (tmp_path / "failing_callbacks.py").write_text(FAILING)
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(epoch: int, retries: int = 0, **sections: Any) -> RunConfig:  # noqa: ANN401 - sections
        callback = {
            "type": "failing_callbacks:Fail",
            "marker": str(tmp_path / "failed"),
            "epoch": epoch,
        }
        execution = {"retries": retries, "retry_delay_seconds": 0}
        return _config(callbacks=[callback], execution=execution, **sections)

    return make


def _config(**sections: Any) -> RunConfig:  # noqa: ANN401 - sections of a configuration
    plain = {
        "name": "sample",
        "training": {"epochs": 4, "batch_size": 256},
        "model": {"type": "mlp", "hidden": [8]},
    }
    return parse_config(plain | sections)


def _newest_flow_run() -> FlowRun:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)
    return runs[0]


def _task_runs(flow_run: FlowRun) -> dict[str, TaskRun]:
    """By name, as soon as the server has recorded them all; it does so with a delay."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
    for _ in range(100):
        with get_client(sync_client=True) as client:
            found = client.read_task_runs(flow_run_filter=chosen)
        by_name = {item.name: item for item in found}
        final = all(item.state and item.state.is_final() for item in found)
        if final and any(name.startswith(("register", "load")) for name in by_name):
            return by_name
        time.sleep(0.1)
    raise AssertionError(f"the server did not record the task runs: {sorted(by_name)}")


def _states(flow_run: FlowRun) -> dict[str, str]:
    return {
        name: str(item.state.name)
        for name, item in _task_runs(flow_run).items()
        if item.state and name.startswith(("train-epoch", "save-checkpoint"))
    }


def test_the_chain_is_readable_in_the_ui(flow: Flow) -> None:
    result = flow()
    run = _newest_flow_run()
    assert run.name == "train sample"
    assert result["status"] == "completed"
    tasks = _task_runs(run)
    for epoch in (1, 2, 3, 4):
        assert f"train-epoch {epoch}" in tasks
        assert f"save-checkpoint {epoch}" in tasks
    message = tasks["train-epoch 4"].state
    assert message is not None
    assert "val_loss" in str(message.message)


def test_the_flow_and_plain_python_give_the_same_model(flow: Flow, tmp_path: Path) -> None:
    from training.engine import TrainingEngine

    config = _config()
    plain = TrainingEngine(tmp_path / "plain", name="sample").train(
        config.model, config.data, config.training
    )
    assert flow()["model"]["digest"] == plain.model["digest"]


def test_epochs_in_one_task_give_the_same_model(flow: Flow, tmp_path: Path) -> None:
    one = flow()
    grouped = flow(_config(execution={"epochs_per_task": 3}), storage=str(tmp_path / "grouped"))
    assert grouped["model"]["digest"] == one["model"]["digest"]
    names = set(_task_runs(_newest_flow_run()))
    assert {"train-epoch 3", "train-epoch 4"} <= names
    assert "train-epoch 1" not in names


def test_a_failed_epoch_is_retried_from_its_checkpoint(
    flow: Flow, failing: Callable[..., RunConfig], tmp_path: Path
) -> None:
    result = flow(failing(epoch=3, retries=1))
    whole = flow(storage=str(tmp_path / "whole"))
    assert result["model"]["digest"] == whole["model"]["digest"]


def test_a_second_flow_run_shows_finished_epochs_as_cached(
    flow: Flow, failing: Callable[..., RunConfig], tmp_path: Path
) -> None:
    whole = flow(storage=str(tmp_path / "whole"))
    config = failing(epoch=3)
    with pytest.raises(Exception, match="on purpose"):
        flow(config)
    result = flow(config)
    assert result["resumed_from"] == {"epoch": 2, "batch": 0}
    assert result["model"]["digest"] == whole["model"]["digest"]
    states = _states(_newest_flow_run())
    assert [states[f"train-epoch {epoch}"] for epoch in (1, 2, 3, 4)] == [
        "Cached",
        "Cached",
        "Completed",
        "Completed",
    ]
    assert states["save-checkpoint 2"] == "Cached"


@pytest.mark.parametrize("gone", ["results", "runs/*/checkpoints/0000000[01]-*"])
def test_without_results_or_older_checkpoints_no_epoch_is_trained_again(
    flow: Flow, failing: Callable[..., RunConfig], tmp_path: Path, gone: str
) -> None:
    """The newest checkpoint is enough; with the results there, what was done shows as Cached."""
    import shutil

    config = failing(epoch=3)
    with pytest.raises(Exception, match="on purpose"):
        flow(config)
    found = list((tmp_path / "storage").glob(gone))
    assert found
    for item in found:
        shutil.rmtree(item)
    result = flow(config)
    assert result["resumed_from"] == {"epoch": 2, "batch": 0}
    assert result["model"]["digest"] == flow(storage=str(tmp_path / "whole"))["model"]["digest"]


def test_a_disk_that_is_full_for_a_while_costs_nothing(
    flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The save is tried again; the epoch is not."""
    whole = flow(storage=str(tmp_path / "whole"))
    real = fs.write
    refused: list[int] = []

    def full(file: int, data: memoryview) -> int:
        epochs = len(list((tmp_path / "storage").glob("runs/*/checkpoints/*")))
        if epochs >= 2 and len(refused) < 2:
            refused.append(file)
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data)

    monkeypatch.setattr(fs, "write", full)
    result = flow(_config(execution={"retries": 3, "retry_delay_seconds": 0}))
    assert len(refused) == 2
    assert result["model"]["digest"] == whole["model"]["digest"]
    assert result["redone_epochs"] == 0
    assert ArtifactStore(tmp_path / "storage").verify().problems == []


def test_a_timeout_in_the_middle_of_a_save_is_survived(
    flow: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect raises between any two lines; what was half written is swept, and saved again."""
    whole = flow(storage=str(tmp_path / "whole"))
    real = fs.sync
    hung: list[int] = []

    def hang(file: int) -> None:
        epochs = len(list((tmp_path / "storage").glob("runs/*/checkpoints/*")))
        if epochs >= 2 and not hung:
            hung.append(file)
            time.sleep(20)
        real(file)

    monkeypatch.setattr(fs, "sync", hang)
    execution = {"retries": 2, "retry_delay_seconds": 0, "task_timeout_seconds": 4.0}
    began = time.monotonic()
    result = flow(_config(execution=execution))
    assert hung
    assert time.monotonic() - began < 20
    assert result["model"]["digest"] == whole["model"]["digest"]
    assert ArtifactStore(tmp_path / "storage").verify().problems == []


def test_a_result_whose_checkpoint_is_gone_is_not_believed(
    flow: Flow, failing: Callable[..., RunConfig], tmp_path: Path
) -> None:
    import shutil

    config = failing(epoch=3)
    with pytest.raises(Exception, match="on purpose"):
        flow(config)
    for item in (tmp_path / "storage").glob("runs/*/checkpoints/00000002-*"):
        shutil.rmtree(item)
    result = flow(config)
    assert result["resumed_from"] == {"epoch": 1, "batch": 0}
    assert result["model"]["digest"] == flow(storage=str(tmp_path / "whole"))["model"]["digest"]
    assert _states(_newest_flow_run())["train-epoch 2"] == "Completed"


def test_results_are_plain_json_and_a_record_that_names_pickle_is_not_obeyed(
    flow: Flow, failing: Callable[..., RunConfig], tmp_path: Path
) -> None:
    """A record is put together by us when it is read: what a file says of serializers is gone."""
    config = failing(epoch=3)
    with pytest.raises(Exception, match="on purpose"):
        flow(config)
    from tasks.results import ResultStorage

    block = ResultStorage(storage=str(tmp_path / "storage"))
    store = ArtifactStore(str(tmp_path / "storage"))
    run = store.children("results")[0]
    for name in store.children(f"results/{run}"):
        body = store.document(f"results/{run}/{name}")
        body["metadata"]["serializer"] = {"type": "pickle"}
        store.replace(f"results/{run}/{name}", body)
        record = json.loads(block.read_path(f"{run}/{name.removesuffix('.json')}"))
        assert record["metadata"]["serializer"]["type"] == "json"
        assert record["metadata"]["serializer"]["object_decoder"] is None
    assert flow(config)["status"] == "completed"


def test_wrong_data_is_not_tried_again(flow: Flow, tmp_path: Path) -> None:
    config = _config(data={"source": {"type": "csv", "path": str(tmp_path / "none.csv")}})
    with pytest.raises(DataError, match=r"none\.csv"):
        flow(config)
    (load,) = (item for name, item in _task_runs(_newest_flow_run()).items() if "load" in name)
    assert load.run_count == 1
    assert not (tmp_path / "storage").exists()


def test_one_version_for_one_run(flow: Flow, tmp_path: Path) -> None:
    first = flow()
    again = flow()
    assert (again["status"], again["model"]) == ("already-complete", first["model"])
    assert ModelRegistry(ArtifactStore(tmp_path / "storage")).numbers("sample") == [1]


def test_the_page_of_the_run_has_progress_table_curve_and_report(flow: Flow) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    flow()
    run = _newest_flow_run()
    chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    with get_client(sync_client=True) as client:
        shown = client.read_artifacts(artifact_filter=chosen)
    found = {item.key: item for item in shown}
    assert len(found) == len(shown)  # made once, and kept up to date
    assert set(found) == {
        "sample-progress",
        "sample-metrics",
        "sample-learning-curves",
        "sample-report",
        "sample-attempts",
        "sample-overview",
    }
    overview = str(found["sample-overview"].data)
    assert "Registered as **sample:1** after 4 epochs" in overview
    assert "[learning curves](../key/sample-learning-curves)" in overview
    assert "| rows |" in overview
    assert f"[its flow run](../../runs/flow-run/{run.id})" in str(found["sample-attempts"].data)
    assert str(found["sample-progress"].description).endswith(": 4 of 4")
    assert str(found["sample-metrics"].description).endswith(", all 4 epochs")
    assert "- found: new run: " in str(found["sample-attempts"].data)
    assert found["sample-progress"].data == 100.0
    assert len(json.loads(str(found["sample-metrics"].data))) == 4
    assert "data:image/svg+xml;base64," in str(found["sample-learning-curves"].data)


def test_a_run_that_stopped_early_says_how_many_epochs_it_took(flow: Flow) -> None:
    """It is done, though not all planned epochs were trained."""
    stopping = {"type": "early_stopping", "monitor": "val_loss", "patience": 0, "min_delta": 9.0}
    result = flow(_config(callbacks=[stopping]))
    assert (result["stopped_early"], result["epochs_completed"]) == (True, 2)
    shown = max(_artifacts("sample-progress"), key=lambda one: str(one.created))
    assert shown.data == 100.0
    assert str(shown.description).endswith(": 2 of 4, stopped early")
