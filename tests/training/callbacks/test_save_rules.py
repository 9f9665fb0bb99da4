"""When checkpoints are saved, by rules in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from training.artifacts import ArtifactStore
from training.callbacks import CallbackList, ModelCheckpointCallback
from training.config import CheckpointsConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _saved(train: Callable[..., Any], tmp_path: Path, *rules: dict[str, Any]) -> list[str]:
    """Epoch and batch of what three epochs of nine steps saved; the ends always are."""
    train(checkpoints={"every_n_epochs": None, "save": rules, "keep": []})
    store = ArtifactStore(tmp_path / "storage")
    (run,) = store.children("runs")
    names = store.children(f"runs/{run}/checkpoints")
    return [f"{int(epoch)}.{int(batch)}" for epoch, batch in (name.split("-") for name in names)]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], []),
        ([{"type": "every_n_epochs", "n": 2}], ["2.0"]),
        ([{"type": "every_n_steps", "n": 6}], ["0.6", "1.3", "2.0", "2.6"]),
        ([{"type": "custom_steps", "steps": [1, 9, 10]}], ["0.1", "1.0", "1.1"]),
        ([{"type": "every_n_seconds", "seconds": 1e-9}], None),
        ([{"type": "every_n_seconds", "seconds": 1e9}], []),
        (
            [
                {
                    "type": "any_of",
                    "rules": [
                        {"type": "every_n_epochs", "n": 2},
                        {"type": "custom_steps", "steps": [4]},
                    ],
                }
            ],
            ["0.4", "2.0"],
        ),
        (
            [{"type": "every_n_epochs", "n": 2}, {"type": "custom_steps", "steps": [4]}],
            ["0.4", "2.0"],
        ),
    ],
)
def test_a_rule_saves_where_it_says(
    rules: list[dict[str, Any]],
    expected: list[str] | None,
    train: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Inside epochs and between them; what several ask for is saved once."""
    saved = _saved(train, tmp_path, *rules)
    if expected is None:
        assert len(saved) == 1 + 3 * 9
        return
    assert saved == ["0.0", *expected, "3.0"]


def test_rules_of_epochs_cost_nothing_inside_them() -> None:
    """The hook after each batch is not called where no rule looks there."""
    between = {"type": "any_of", "rules": [{"type": "every_n_epochs", "n": 1}]}
    inside = {"type": "any_of", "rules": [{"type": "every_n_steps", "n": 1}]}
    assert CallbackList([ModelCheckpointCallback(save=[between])]).on_batch_end == ()
    assert len(CallbackList([ModelCheckpointCallback(save=[inside])]).on_batch_end) == 1


def test_what_is_kept_follows_from_the_steps_that_were_saved(
    train: Callable[..., Any], tmp_path: Path
) -> None:
    """Save and keep rules together, through a whole training."""
    rules = [{"type": "every_n_steps", "n": 3}]
    keep = [{"type": "every_n_steps", "n": 6}, {"type": "latest", "n": 1}]
    train(checkpoints={"every_n_epochs": None, "save": rules, "keep": keep})
    store = ArtifactStore(tmp_path / "storage")
    (run,) = store.children("runs")
    folder = f"runs/{run}/checkpoints"
    steps = [
        store.open(f"{folder}/{name}").metadata["checkpoint"]["step"]
        for name in store.children(folder)
    ]
    assert steps == [0, 6, 12, 18, 24, 27]


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "sometimes"},
        {"type": "every_n_steps", "n": 0},
        {"type": "every_n_seconds"},
        {"type": "custom_steps", "steps": [0]},
        {"type": "any_of", "rules": []},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CheckpointsConfig.model_validate({"save": [rule]})
