"""Which checkpoints a rule keeps: Orbax's policies, by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from training.checkpoints.rules import kept
from training.config import CheckpointsConfig, KeepRule
from training.state import CheckpointRef

LOSSES = [0.9, 0.5, 0.7, 0.5, 0.4, 0.6]


def _ref(epoch: int, batch: int = 0, **metrics: float) -> CheckpointRef:
    return CheckpointRef(f"{epoch}-{batch}", epoch, batch, 10 * epoch + batch, "", metrics)


REFS = [_ref(epoch, val_loss=loss) for epoch, loss in enumerate(LOSSES, 1)]
REFS.insert(3, _ref(3, 5, val_loss=0.1))
"""Epochs 1 to 6, ten steps each, and one in the middle of the fourth."""
TIMES = {ref.uri: 100.0 * ref.step for ref in REFS}


def _rules(*rules: dict[str, Any]) -> list[KeepRule]:
    return TypeAdapter(list[KeepRule]).validate_python(rules)


def _kept(*rules: dict[str, Any]) -> list[str]:
    """Besides the newest, which always stays."""
    found = kept(_rules(*rules), REFS[::-1], TIMES)
    assert "6-0" in found
    return sorted(found - {"6-0"})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"type": "all"}, ["1-0", "2-0", "3-0", "3-5", "4-0", "5-0"]),
        ({"type": "latest", "n": 3}, ["4-0", "5-0"]),
        ({"type": "best", "n": 2}, ["2-0", "5-0"]),
        ({"type": "best", "n": 1, "mode": "max"}, ["1-0"]),
        ({"type": "best", "n": 1, "monitor": "nothing", "mode": "max"}, []),
        (
            {"type": "best", "monitor": "nothing", "mode": "max", "keep_without_metric": True},
            ["1-0", "2-0", "3-0", "4-0", "5-0"],
        ),
        ({"type": "every", "n": 2}, ["2-0", "4-0"]),
        ({"type": "every_n_steps", "n": 20}, ["2-0", "4-0"]),
        ({"type": "every_n_steps", "n": 15, "exact": False}, ["1-0", "3-0", "5-0"]),
        ({"type": "every_n_steps", "n": 35}, ["3-5"]),
        ({"type": "every_n_seconds", "seconds": 1500}, ["1-0", "3-0", "5-0"]),
        ({"type": "custom_steps", "steps": [10, 35, 99]}, ["1-0", "3-5"]),
        (
            {
                "type": "any_of",
                "rules": [{"type": "latest", "n": 2}, {"type": "custom_steps", "steps": [20]}],
            },
            ["2-0", "5-0"],
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_a_rule_keeps_what_it_names(rule: dict[str, Any], expected: list[str]) -> None:
    """And always the newest."""
    assert _kept(rule) == expected


def test_several_rules_keep_what_any_of_them_names() -> None:
    """None at all keep everything."""
    assert _kept({"type": "best"}, {"type": "every", "n": 3}) == ["3-0", "5-0"]
    assert kept([], REFS[::-1], TIMES) == {ref.uri for ref in REFS}


def test_one_whose_time_is_not_known_is_kept_by_rules_of_time() -> None:
    """It was saved by an earlier version of this project."""
    known = {uri: at for uri, at in TIMES.items() if uri != "2-0"}
    rules = _rules({"type": "every_n_seconds", "seconds": 1500})
    assert kept(rules, REFS[::-1], known) == {"1-0", "2-0", "3-0", "5-0", "6-0"}


ANY_RULE = st.sampled_from(
    [
        {"type": "latest", "n": 2},
        {"type": "best", "n": 2},
        {"type": "every", "n": 3},
        {"type": "every_n_steps", "n": 25, "exact": False},
        {"type": "every_n_seconds", "seconds": 2500},
        {"type": "custom_steps", "steps": [10, 40]},
    ]
)


@given(
    st.lists(ANY_RULE, min_size=1, max_size=3), st.lists(st.floats(0, 1), min_size=1, max_size=12)
)
def test_pruning_after_each_save_leaves_what_one_pruning_at_the_end_leaves(
    rules: list[dict[str, Any]], losses: list[float]
) -> None:
    """Unless a rule counts what is there (latest, best), nothing that goes would stay later."""
    parsed = _rules(*rules)
    refs = [_ref(epoch, val_loss=loss) for epoch, loss in enumerate(losses, 1)]
    times = {ref.uri: 100.0 * ref.step for ref in refs}
    left: list[CheckpointRef] = []
    for ref in refs:
        stays = kept(parsed, [ref, *left], times)
        left = [one for one in [ref, *left] if one.uri in stays]
    assert {ref.uri for ref in left} == kept(parsed, refs[::-1], times)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=30, unique=True), st.integers(1, 50))
def test_spaced_checkpoints_are_as_far_apart_as_the_rule_says(steps: list[int], n: int) -> None:
    """The newest alone may be nearer."""
    refs = [CheckpointRef(str(step), step, 0, step, "", {}) for step in sorted(steps)]
    rules = _rules({"type": "every_n_steps", "n": n, "exact": False})
    found = sorted(int(uri) for uri in kept(rules, refs[::-1], {}))
    assert found[0] == min(steps)
    for before, after in list(pairwise(found))[:-1]:
        assert after - before >= n


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "newest"},
        {"type": "latest", "n": 0},
        {"type": "every_n_steps"},
        {"type": "every_n_seconds", "seconds": 0},
        {"type": "custom_steps", "steps": []},
        {"type": "any_of", "rules": []},
        {"type": "any_of", "rules": [{"type": "newest"}]},
        {"type": "best", "monitors": "loss"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CheckpointsConfig.model_validate({"keep": [rule]})
