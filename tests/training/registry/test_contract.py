"""What every registry does alike: on local disk, on an S3 server, on an MLflow server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.errors import ConflictError, InputError, IntegrityError, NotFoundError
from training.registry import ModelRegistry
from training.registry.mlflow import MlflowRegistry
from training.registry.promotion import Decision, DecisionLog, approve, carry_out

if TYPE_CHECKING:
    from pathlib import Path

    from training.registry import ModelVersion


@pytest.fixture(params=["disk", "s3", "mlflow"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    """An empty one of each kind; on MLflow only the model `name` is new."""
    if request.param == "mlflow":
        return MlflowRegistry(request.getfixturevalue("mlflow_url"))
    if request.param == "s3":
        bucket = request.getfixturevalue("bucket_url")
        return ModelRegistry(ArtifactStore(f"{bucket}/{uuid4().hex}"))
    return ModelRegistry(ArtifactStore(tmp_path / "registry"))


@pytest.fixture
def name() -> str:
    """Of a model that nobody has used before."""
    return f"m{uuid4().hex[:8]}"


def _save(registry: ModelRegistry, name: str, run: str, **more: Any) -> ModelVersion:  # noqa: ANN401 - a card
    value = float(sum(map(ord, run)))
    weights: Any = {"layer": {"w": np.full((2, 3), value, "float32")}, "b": np.array([value])}
    config = {"training": {"epochs": 3}, "data": {"source": {"type": "csv"}}}
    card = {"run_id": run, "metrics": {"loss": value, "odd": float("nan")}, "config": config}
    return registry.save_model(name, weights, {"scaler": "none"}, card | more)


def test_versions_count_from_one_and_give_back_what_was_saved(
    registry: ModelRegistry, name: str
) -> None:
    """Weights, pipeline and card, to the last bit; by each kind of reference."""
    made = [_save(registry, name, run) for run in ("a", "b", "c")]
    assert [one.version for one in made] == [1, 2, 3]
    assert registry.numbers(name) == [1, 2, 3]
    assert name in registry.names()
    found = registry.get(f"registry://{name}:2")
    assert (found.run_id, found.digest) == ("b", made[1].digest)
    assert found.card["config"]["training"]["epochs"] == 3
    weights: Any = registry.weights(found)
    assert np.array_equal(weights["layer"]["w"], np.full((2, 3), 98.0, "float32"))
    assert weights["layer"]["w"].dtype == np.float32
    assert registry.pipeline(found) == {"scaler": "none"}
    assert registry.get(name).version == 3


def test_the_same_weights_of_a_run_are_the_same_version(registry: ModelRegistry, name: str) -> None:
    """However often they are registered; and a version never changes."""
    _save(registry, name, "a", note="first")
    _save(registry, name, "b")
    again = _save(registry, name, "a", note="second")
    assert (again.version, again.card["note"]) == (1, "first")
    assert registry.numbers(name) == [1, 2]


def test_what_is_not_there_is_said(registry: ModelRegistry, name: str) -> None:
    """A model, a version, an alias."""
    with pytest.raises(NotFoundError, match=f"no model '{name}'"):
        registry.get(name)
    _save(registry, name, "a")
    with pytest.raises(NotFoundError, match="has no version 7"):
        registry.get(f"{name}:7")
    with pytest.raises(NotFoundError, match="no alias 'champion'"):
        registry.get(f"{name}@champion")


def test_a_move_states_what_it_replaces_and_is_in_the_history(
    registry: ModelRegistry, name: str
) -> None:
    """Otherwise it is refused, and nothing is moved."""
    for run in ("a", "b"):
        _save(registry, name, run)
    registry.set_alias(name, "champion", 1, expect=None, why="first", who="ann")
    registry.set_alias(name, "champion", 2, expect=1, why="better", who="bob")
    with pytest.raises(ConflictError, match="not to 1"):
        registry.set_alias(name, "champion", 1, expect=1)
    assert registry.get(f"{name}@champion").version == 2
    assert registry.aliases(name) == {"champion": 2}
    history = registry.alias_history(name, "champion")
    assert [(move.number, move.to, move.why, move.who) for move in history] == [
        (2, "2", "better", "bob"),
        (1, "1", "first", "ann"),
    ]


def test_rollback_goes_back_and_taking_away_leaves_none(registry: ModelRegistry, name: str) -> None:
    """Each a move like any other."""
    for number, run in enumerate(("a", "b"), 1):
        _save(registry, name, run)
        registry.set_alias(name, "champion", number, expect=number - 1 or None)
    assert registry.rollback(name).version == 1
    registry.set_alias(name, "champion", None, expect=1)
    assert registry.aliases(name) == {}
    assert [move.to for move in registry.alias_history(name, "champion")] == [None, "1", "2", "1"]


def test_versions_are_listed_and_found_by_their_tags(registry: ModelRegistry, name: str) -> None:
    """The newest first, with the metrics that are numbers."""
    for run in ("a", "b"):
        _save(registry, name, run)
    registry.label(name, 1, {"stage": "trial", "team": "x"}, description="the first", who="ann")
    labels = registry.label(name, 1, {"team": None})
    assert (labels.tags, labels.description) == ({"stage": "trial"}, "the first")
    assert [one.version for one in registry.list(name)] == [2, 1]
    (found,) = registry.list(name, {"stage": "trial"})
    assert (found.version, found.metrics) == (1, {"loss": 97.0})


def test_a_deleted_number_is_never_given_again(registry: ModelRegistry, name: str) -> None:
    """And what an alias points to is not deleted."""
    for run in ("a", "b"):
        _save(registry, name, run)
    registry.set_alias(name, "champion", 1, expect=None)
    with pytest.raises(InputError, match="@champion"):
        registry.delete(name, 1)
    registry.delete(name, 2, why="no use")
    with pytest.raises(NotFoundError, match="version 2 was deleted"):
        registry.get(f"{name}:2")
    assert _save(registry, name, "c").version == 3


def test_keep_last_keeps_what_aliases_need(registry: ModelRegistry, name: str) -> None:
    """Now, and to go back."""
    for number, run in enumerate("abcde", 1):
        _save(registry, name, run)
        if number in {1, 3}:
            registry.set_alias(name, "champion", number, expect=1 if number == 3 else None)
    assert registry.keep_last(name, 1) == [2, 4]
    assert registry.numbers(name) == [1, 3, 5]


def test_ancestors_and_differences(registry: ModelRegistry, name: str) -> None:
    """Parents by version and by run; metrics side by side."""
    _save(registry, name, "a")
    _save(registry, name, "b", started_from=f"{name}:1")
    last = _save(registry, name, "c", parent="b")
    assert [str(one) for one in registry.ancestors(last)] == [f"{name}:2", f"{name}:1"]
    assert registry.compare(f"{name}:1", f"{name}:2").metrics["loss"] == (97.0, 98.0)


def test_a_decision_is_kept_and_carried_out_once(registry: ModelRegistry, name: str) -> None:
    """With its figures; a person may approve what awaits it."""
    for run in ("a", "b"):
        version = _save(registry, name, run)
    registry.set_alias(name, "champion", 1, expect=None)
    log = DecisionLog(registry, version)
    decision = Decision(
        verdict="await-approval",
        reason="looks good",
        alias="champion",
        version=2,
        champion=1,
        metrics={"challenger": {"loss": 1.0}},
        who="run b",
    )
    assert log.last() is None
    log.add(decision, 0)
    assert log.add(decision, 0).metrics == {"challenger": {"loss": 1.0}}
    assert len(log) == 1
    approved = approve(registry, version, who="ann")
    carry_out(registry, version, approved)
    assert [one.verdict for one in log.all()] == ["await-approval", "promote"]
    assert [move.to for move in registry.alias_history(name, "champion")] == ["2", "1"]


def test_metrics_parameters_and_artifacts_are_in_mlflows_own_places(
    mlflow_url: str, name: str
) -> None:
    """Where people who use MLflow look for them."""
    from mlflow import MlflowClient

    registry = MlflowRegistry(mlflow_url)
    _save(registry, name, "a")
    _save(registry, name, "b", started_from=f"{name}:1")
    registry.set_alias(name, "champion", 2, expect=None)
    client = MlflowClient(mlflow_url)
    version = client.get_model_version_by_alias(name, "champion")
    assert version.tags["retrain.started_from"] == f"{name}:1"
    run = client.get_run(str(version.run_id))
    assert run.data.metrics == {"loss": 98.0}
    assert run.data.params["training.epochs"] == "3"
    files = {file.path for file in client.list_artifacts(str(version.run_id), "model")}
    assert "model/weights.safetensors" in files


def test_an_artifact_that_was_changed_on_the_server_is_refused(mlflow_url: str, name: str) -> None:
    """Before a parser sees it."""
    registry = MlflowRegistry(mlflow_url)
    version = _save(registry, name, "a")
    run = registry.server.versions(name)[0].run_id
    content = bytearray(registry.server.download(run, "model/weights.safetensors"))
    content[-1] ^= 1
    registry.server.upload(run, "model", {"weights.safetensors": bytes(content)})
    with pytest.raises(IntegrityError, match="not what was registered"):
        registry.weights(version)
