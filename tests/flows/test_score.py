"""`retrain update` and `retrain score` on a real server, as a person or a program calls them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from flows.cli.app import main
from training.artifacts import ArtifactStore
from training.registry import ModelRegistry, load_model
from training.retraining import ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Retrain = Callable[..., str]


@pytest.fixture
def retrain(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Retrain:
    """Call the command in this process; its standard output."""
    random = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(random.normal(0.0005, 0.01, 300)))
    frame = pd.DataFrame({"date": pd.bdate_range("2020-01-01", periods=300), "close": close})
    frame.to_csv(tmp_path / "prices.csv", index=False)
    (tmp_path / "m.yaml").write_text(
        f"""
name: m
data:
  source: {{type: csv, path: {tmp_path}/prices.csv}}
  features: [{{type: returns, lags: 3}}, {{type: rsi}}]
  target: {{type: direction}}
model: {{type: mlp, hidden: [4]}}
training: {{epochs: 1}}
promotion: {{rules: []}}
"""
    )
    monkeypatch.setenv("RETRAIN_STORAGE", str(tmp_path / "storage"))
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> str:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["retrain", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        return capsys.readouterr().out

    return call


def test_a_series_of_retrainings_is_one_command_with_a_table(retrain: Retrain) -> None:
    """A line each; again: nothing to do for any of them."""
    lines = retrain("update", "m.yaml", "--from", "2020-11", "--to", "2021-01").splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["2020-11-30", "2020-11-30", "promoted", "v1"],
        ["2020-12-31", "2020-12-31", "promoted", "v2"],
        ["2021-01-31", "2021-01-29", "promoted", "v3"],
    ]
    again = json.loads(
        retrain("update", "m.yaml", "--from", "2020-11", "--to", "2021-01", "--json")
    )
    assert [one["reason"] for one in again] == [
        f"skipped: data unchanged since v{version}" for version in (1, 2, 3)
    ]


def test_the_champion_scores_a_file(retrain: Retrain, tmp_path: Path) -> None:
    """And `--json` says which version that was."""
    outcome = json.loads(retrain("update", "m.yaml", "--as-of", "2021-01", "--json"))
    done: dict[str, Any] = json.loads(
        retrain("score", "m@champion", "--input", "prices.csv", "--output", "out.csv", "--json")
    )
    assert done["model"] == outcome["model"]
    model = load_model(ModelRegistry(ArtifactStore(tmp_path / "storage")), "m@champion")
    expected = model.predict(pd.read_csv("prices.csv")).reshape(-1)
    found = pd.read_csv("out.csv")["prediction"].to_numpy("float32")
    assert np.array_equal(found[-len(expected) :], expected)


def test_the_report_and_the_ledger_are_in_the_ui(retrain: Retrain) -> None:
    """Under keys that stay the same from night to night."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        ArtifactCollectionFilter,
        ArtifactCollectionFilterKey,
    )

    retrain("update", "m.yaml", "--from", "2020-11", "--to", "2020-12")
    ours = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(like_="m-%"))
    with get_client(sync_client=True) as client:
        found = client.read_latest_artifacts(artifact_filter=ours)
    latest = {one.key: one for one in found}
    assert "m:2 is the new champion" in str(latest["m-morning-report"].data)
    rows = json.loads(str(latest["m-ledger"].data))
    assert [(row["slot"], row["status"], row["version"]) for row in rows] == [
        ("2020-11-30", "promoted", 1),
        ("2020-12-31", "promoted", 2),
    ]


def test_a_version_that_awaits_approval_is_approved_from_the_shell(
    retrain: Retrain, tmp_path: Path
) -> None:
    """The retraining has ended long before; its line in the ledger says what became of it."""
    rules = "promotion.rules=[{type: approval}]"
    outcome = json.loads(retrain("update", "m.yaml", "--set", rules, "--json"))
    assert outcome["status"] == "awaiting-approval"
    store = ArtifactStore(tmp_path / "storage")
    assert ModelRegistry(store).alias("m", "champion") is None
    retrain("models", "promote", "m:1", "--why", "looks good")
    assert ModelRegistry(store).alias("m", "champion") == 1
    (line,) = ledger(store, "m")
    assert line["status"] == "promoted"
    assert "looks good" in line["reason"]
