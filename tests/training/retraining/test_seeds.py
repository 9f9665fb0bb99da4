"""A candidate of several seeds: one version, the best on the validation part, and the spread."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from training.artifacts import ArtifactStore
from training.registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Update = Callable[..., dict[str, Any]]

THREE = {"seeds": 3}


@pytest.fixture
def alone(update: Update, tmp_path: Path) -> dict[int, dict[str, Any]]:
    """What a retraining with each of the seeds alone comes to."""
    return {
        seed: update("2020-12", storage=tmp_path / str(seed), training={"seed": seed})
        for seed in (4, 5, 6)
    }


def test_the_best_on_the_validation_part_is_the_challenger(
    update: Update, tmp_path: Path, alone: dict[int, dict[str, Any]]
) -> None:
    """The same weights as that seed alone; the others leave no version behind."""
    registries = {
        seed: ModelRegistry(ArtifactStore(tmp_path / str(seed))).get("m:1") for seed in alone
    }
    losses = {seed: version.card["metrics"]["val_loss"] for seed, version in registries.items()}
    best = min(losses, key=lambda seed: losses[seed])
    assert best != 4  # or the first one would be right by chance
    outcome = update("2020-12", training={"seed": 4}, retraining=THREE)
    registry = ModelRegistry(ArtifactStore(tmp_path / "storage"))
    assert outcome["model"]["digest"] == alone[best]["model"]["digest"]
    assert outcome["seeds"]["chosen"] == best
    assert registry.numbers("m") == [outcome["model"]["version"]]
    assert registry.alias("m", "champion") == outcome["model"]["version"]


def test_median_and_spread_are_those_of_all_seeds(
    update: Update, tmp_path: Path, alone: dict[int, dict[str, Any]]
) -> None:
    """In the outcome and in the report."""
    losses = [one["metrics"]["challenger"]["test_loss"] for one in alone.values()]
    outcome = update("2020-12", training={"seed": 4}, retraining=THREE)
    assert outcome["seeds"]["seeds"] == [4, 5, 6]
    assert outcome["seeds"]["metrics"]["test_loss"] == {
        "median": median(losses),
        "lowest": min(losses),
        "highest": max(losses),
    }
    (report,) = (tmp_path / "storage" / "retrainings").rglob("report.md")
    assert "3 seeds, of which" in report.read_text()
    assert f"| test_loss | {median(losses):.6g} |" in report.read_text()


def test_it_is_done_once_however_often_it_is_asked_for(update: Update, tmp_path: Path) -> None:
    """And another number of seeds is another retraining."""
    first = update("2020-12", retraining=THREE)
    again = update("2020-12", retraining=THREE)
    assert (again["status"], again["model"]) == ("skipped", first["model"])
    more = update("2020-12", retraining={"seeds": 2})
    assert more["status"] != "skipped"


def test_killed_before_the_others_are_dropped_it_ends_the_same(
    update: Update, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was trained is not trained again, and one version stays."""
    whole = update("2020-12", storage=tmp_path / "whole", retraining=THREE)
    delete = ModelRegistry.delete
    calls = iter((True,))

    def fail_second(self: ModelRegistry, *args: Any, **more: Any) -> None:  # noqa: ANN401 - handed on
        if not next(calls, False):
            raise OSError(5, "the disk is gone")
        delete(self, *args, **more)

    monkeypatch.setattr(ModelRegistry, "delete", fail_second)
    with pytest.raises(OSError, match="the disk is gone"):
        update("2020-12", retraining=THREE)
    monkeypatch.undo()
    outcome = update("2020-12", retraining=THREE)
    assert outcome["model"]["digest"] == whole["model"]["digest"]
    assert outcome["redone_epochs"] == 0
    registry = ModelRegistry(ArtifactStore(tmp_path / "storage"))
    assert registry.numbers("m") == [outcome["model"]["version"]]
    assert len(registry.alias_history("m", "champion")) == 1
