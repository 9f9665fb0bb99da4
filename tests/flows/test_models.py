"""`retrain models`: what it prints, what it changes, its exit codes."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from flows.cli.app import main
from training.artifacts import ArtifactStore
from training.registry import ModelRegistry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Retrain = Callable[..., tuple[int, str, str]]


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """Three versions of `m`."""
    registry = ModelRegistry(ArtifactStore(tmp_path))
    for number in (1, 2, 3):
        card = {
            "run_id": f"r{number}",
            "metrics": {"loss": 9.0, "test_loss": number / 10},
            "config": {"training": {"epochs": number}},
            "data": {"rows": 100 * number},
        }
        registry.save_model("m", {"w": np.full(2, float(number))}, {}, card)
    return registry


@pytest.fixture
def retrain(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    registry: ModelRegistry,
    tmp_path: Path,
) -> Retrain:
    """Call `retrain models` in this process: exit code, standard output, standard error."""
    monkeypatch.setenv("RETRAIN_STORAGE", str(tmp_path))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["retrain", "models", *arguments])
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return int(code or 0), out, err

    return call


def _json(retrain: Retrain, *arguments: str) -> Any:  # noqa: ANN401 - any JSON
    code, out, err = retrain(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_promote_rollback_and_the_history(retrain: Retrain) -> None:
    assert _json(retrain, "promote", "m:1")["before"] is None
    promoted = _json(retrain, "promote", "m", "--why", "good", "--expect", "1")
    assert promoted == {"name": "m", "alias": "champion", "version": 3, "before": 1}
    assert _json(retrain, "rollback", "m", "--why", "bad")["version"] == 1
    history = _json(retrain, "history", "m@champion")
    assert [(move["to"], move["why"]) for move in history] == [
        ("1", "bad"),
        ("3", "good"),
        ("1", ""),
    ]
    code, out, _ = retrain("history", "m")
    assert code == 0
    assert out.splitlines()[0].split() == ["WHEN", "VERSION", "WHO", "WHY"]


def test_promoting_the_champion_again_changes_nothing(retrain: Retrain) -> None:
    retrain("promote", "m:2")
    assert retrain("promote", "m:2")[0] == 0
    assert len(_json(retrain, "history", "m")) == 1


def test_a_promotion_that_expects_another_is_refused(
    retrain: Retrain, registry: ModelRegistry
) -> None:
    retrain("promote", "m:1")
    for expected in ("2", "0"):
        code, _, err = retrain("promote", "m:3", "--expect", expected)
        assert code == 1
        assert "points to 1" in err
    assert registry.alias("m", "champion") == 1


def test_lists_say_aliases_and_tags_and_are_filtered(retrain: Retrain) -> None:
    retrain("promote", "m:2", "--alias", "shadow")
    retrain("tag", "m:2", "market=us", "x=1", "--description", "of May")
    labels = _json(retrain, "tag", "m:2", "x=")
    assert (labels["tags"], labels["description"]) == ({"market": "us"}, "of May")
    assert _json(retrain, "list")[0]["aliases"] == {"shadow": 2}
    listed = _json(retrain, "list", "m")
    assert [(one["version"], one["aliases"]) for one in listed] == [
        (3, []),
        (2, ["shadow"]),
        (1, []),
    ]
    assert [one["version"] for one in _json(retrain, "list", "--tag", "market=us")] == [2]
    code, out, _ = retrain("list", "m")
    assert code == 0
    assert out.splitlines()[2].split()[:3] == ["m:2", "shadow", "r2"]
    assert "shadow:2" in retrain("list")[1]


def test_show_has_aliases_labels_and_ancestors(retrain: Retrain) -> None:
    retrain("promote", "m:2")
    shown = _json(retrain, "show", "m@champion")
    assert (shown["version"], shown["aliases"], shown["ancestors"]) == (2, ["champion"], [])
    assert shown["labels"]["tags"] == {}
    assert "test_loss: 0.2" in retrain("show", "registry://m:2")[1]


def test_compare_shows_metrics_configuration_and_data(retrain: Retrain) -> None:
    found = _json(retrain, "compare", "m:1", "m:3")
    assert found["config"] == {"training.epochs": [1, 3]}
    assert found["data"] == {"rows": [100, 300]}
    out = retrain("compare", "m:1", "m:3")[1]
    assert "test_loss  0.1  0.3" in out
    assert "training.epochs  1    3" in out


def test_delete_wants_a_number_that_no_alias_points_to(
    retrain: Retrain, registry: ModelRegistry
) -> None:
    retrain("promote", "m:2")
    assert retrain("delete", "m")[0] == 2
    assert retrain("delete", "m@champion")[0] == 2
    code, _, err = retrain("delete", "m:2")
    assert code == 2
    assert "m:2 is m@champion" in err
    assert _json(retrain, "delete", "m:1", "--why", "old")["deleted"] is True
    assert registry.numbers("m") == [2, 3]
    assert registry.store.document("models/m/deleted/00000001.json")["why"] == "old"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("show", "n"), "there is no model"),
        (("promote", "m:9"), "has no version 9"),
        (("rollback", "m:2"), "expected NAME or NAME@ALIAS"),
        (("rollback", "m"), "points to none"),
        (("tag", "m:1", "novalue"), "is no tag"),
        (("history", "m@../x"), "names no model"),
    ],
)
def test_wrong_input_is_exit_code_2_in_one_line(
    retrain: Retrain, arguments: tuple[str, ...], word: str
) -> None:
    code, out, err = retrain(*arguments)
    assert (code, out) == (2, "")
    assert word in err
    assert "Traceback" not in err
