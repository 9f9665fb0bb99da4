"""A retraining takes the newest rows and none after them, is done once, and says what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.artifacts import ArtifactStore
from training.errors import DataError
from training.registry import ModelRegistry
from training.registry.mlflow import MlflowRegistry
from training.registry.promotion import DecisionLog
from training.retraining import ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Update = Callable[..., dict[str, Any]]


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """Where `update` registers."""
    return ModelRegistry(ArtifactStore(tmp_path / "storage"))


def test_the_first_model_becomes_champion_and_a_better_one_takes_its_place(
    update: Update, registry: ModelRegistry
) -> None:
    """Without a rule against it; the alias' history says why each time."""
    first, second = update("2020-12"), update("2021-01")
    assert (first["status"], first["champion"], first["model"]["version"]) == ("promoted", None, 1)
    assert (second["status"], second["champion"], second["model"]["version"]) == ("promoted", 1, 2)
    history = registry.alias_history("m", "champion")
    assert [(move.to, move.why) for move in history] == [
        ("2", second["reason"]),
        ("1", first["reason"]),
    ]


def test_a_challenger_that_is_not_better_stays_a_version(
    update: Update, registry: ModelRegistry
) -> None:
    """Rejected with the figures of both on the same rows; the champion stays."""
    rules = [{"type": "better", "metric": "test_loss", "by": 10.0}]
    update("2020-12")
    outcome = update("2021-01", promotion={"rules": rules})
    assert outcome["status"] == "rejected"
    assert set(outcome["metrics"]) == {"challenger", "champion"}
    assert "10 better is asked for" in outcome["reason"]
    assert registry.alias("m", "champion") == 1
    (decision,) = DecisionLog(registry, registry.get("m:2")).all()
    assert (decision.verdict, decision.metrics) == ("reject", outcome["metrics"])


def test_poisoned_rows_of_the_future_change_nothing(
    update: Update, prices: pd.DataFrame, tmp_path: Path
) -> None:
    """No row after the moment is read: same data, weights, figures, whatever comes later."""
    future = prices["date"] > "2021-02-28"
    assert future.sum() > 50
    poisoned = prices.copy()
    poisoned.loc[future, "close"] = np.where(np.arange(future.sum()) % 2, -1e300, np.nan)
    found = []
    for name, frame in (("clean", prices), ("cut", prices[~future]), ("poisoned", poisoned)):
        storage = tmp_path / name
        months = ("2020-12", "2021-01-31", "2021-02")
        found.append([update(month, prices=frame, storage=storage) for month in months])
    assert found[0] == found[1] == found[2]


def test_the_window_begins_so_many_days_before_the_moment(update: Update) -> None:
    """Both ends of `retraining.window_days` count."""
    outcome = update("2021-01-29", retraining={"window_days": 200})
    assert (outcome["data"]["first"], outcome["slot"]) == ("2020-07-14", "2021-01-29")


def test_a_moment_within_a_day_sees_whole_days_only(update: Update) -> None:
    """At five in the afternoon the bar of the day is not complete."""
    assert update("2021-01-29T17:00")["slot"] == "2021-01-28"


@pytest.mark.parametrize(
    ("retraining", "as_of", "said"),
    [
        ({"max_age_days": 3}, "2021-09-30", "the data are stale"),
        ({"window_days": 30}, "2021-01-29", "rows"),
    ],
    ids=["stale", "short"],
)
def test_stale_or_short_data_stop_it_and_nothing_is_written(
    update: Update, tmp_path: Path, retraining: dict[str, Any], as_of: str, said: str
) -> None:
    """Loudly, with the way out, before anything is touched."""
    with pytest.raises(DataError, match=said):
        update(as_of, retraining=retraining)
    assert not (tmp_path / "storage").exists()


def test_data_of_the_age_that_is_allowed_are_not_stale(update: Update, prices: Any) -> None:  # noqa: ANN401 - a frame
    """The other side of the edge."""
    last = prices["date"].iloc[-1]
    moment = (last + pd.Timedelta(days=3)).date().isoformat()
    assert update(moment, retraining={"max_age_days": 3})["status"] == "promoted"


def test_broken_data_stop_it_and_nothing_is_written(
    update: Update, prices: pd.DataFrame, tmp_path: Path
) -> None:
    """A price below zero within the window."""
    prices.loc[100, "close"] = -1.0
    with pytest.raises(DataError, match="close"):
        update("2021-01")
    assert not (tmp_path / "storage").exists()


def test_no_new_bar_is_no_training(update: Update, registry: ModelRegistry) -> None:
    """It says since which version, and each moment stands in the ledger."""
    update("2021-01-29")
    outcome = update("2021-01-31")
    assert outcome["status"] == "skipped"
    assert outcome["reason"] == "skipped: data unchanged since v1"
    assert registry.numbers("m") == [1]
    assert [(one["as_of"], one["status"]) for one in ledger(registry.store, "m")] == [
        ("2021-01-29", "promoted"),
        ("2021-01-31", "skipped"),
    ]


def test_starting_from_the_champion_begins_with_its_weights(
    update: Update, registry: ModelRegistry
) -> None:
    """With no epoch to train the challenger is the champion, bit for bit, and its child."""
    champion = update("2020-12")["model"]
    warm = update("2021-01", retraining={"start": "champion"}, training={"epochs": 0})["model"]
    assert warm["digest"] == champion["digest"]
    parent = registry.parent(registry.get("m:2"))
    assert parent is not None
    assert str(parent) == "m:1"
    fresh = update("2021-02", training={"epochs": 0})["model"]
    assert fresh["digest"] != champion["digest"]


def test_the_ledger_has_a_line_for_each_slot(update: Update, registry: ModelRegistry) -> None:
    """Those that failed too, with the reason."""
    update("2020-12")
    with pytest.raises(Exception, match=r"finite|nan"):
        update("2021-01", training={"optimizer": {"type": "sgd", "learning_rate": 1e300}})
    lines = ledger(registry.store, "m")
    assert [(one["slot"], one["status"]) for one in lines] == [
        ("2020-12-31", "promoted"),
        ("2021-01-29", "failed"),
    ]
    assert lines[1]["reason"]


def test_with_an_mlflow_server_versions_and_champion_are_there(
    update: Update, mlflow_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Runs and checkpoints stay in the storage; nothing of the registry is in it."""
    monkeypatch.setenv("RETRAIN_REGISTRY", mlflow_url)
    name = tmp_path.name.replace("_", "-")
    for month, status in (("2020-12", "promoted"), ("2021-01", "promoted"), ("2021-01", "skipped")):
        assert update(month, name=name)["status"] == status
    registry = MlflowRegistry(mlflow_url)
    assert registry.numbers(name) == [1, 2]
    assert [move.to for move in registry.alias_history(name, "champion")] == ["2", "1"]
    assert not (tmp_path / "storage" / "models").exists()


def test_only_the_last_versions_stay_and_what_aliases_need(
    update: Update, registry: ModelRegistry
) -> None:
    """`retraining.keep_last`, after each retraining."""
    update("2020-11")
    never = {"rules": [{"type": "better", "by": 10.0}]}
    for month in ("2020-12", "2021-01", "2021-02"):
        update(month, promotion=never, retraining={"keep_last": 1})
    assert registry.numbers("m") == [1, 4]
    assert registry.alias("m", "champion") == 1
