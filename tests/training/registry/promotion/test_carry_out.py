"""A decision is carried out once, approved by a person where it asks for one, never overwritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.errors import ConflictError, IntegrityError
from training.registry import ModelRegistry
from training.registry.promotion import Decision, DecisionLog, approve, carry_out

if TYPE_CHECKING:
    from pathlib import Path

    from training.registry.promotion.decision import Verdict


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """Three versions of `m`; 1 is champion."""
    registry = ModelRegistry(ArtifactStore(tmp_path))
    for number in (1, 2, 3):
        card = {"run_id": f"r{number}", "metrics": {}}
        registry.save_model("m", {"w": np.full(2, float(number))}, {}, card)
    registry.set_alias("m", "champion", 1, expect=None)
    return registry


def _decision(verdict: Verdict = "promote", version: int = 2, champion: int | None = 1) -> Decision:
    return Decision(
        verdict=verdict,
        reason="better",
        alias="champion",
        version=version,
        champion=champion,
        judgements=({"rule": "better", "passed": True},),
        who=f"run r{version}",
    )


def test_a_promotion_is_made_once_however_often_it_is_begun(registry: ModelRegistry) -> None:
    version = registry.get("m:2")
    first = carry_out(registry, version, _decision())
    assert carry_out(registry, version, _decision()) == first
    assert [move.to for move in registry.alias_history("m", "champion")] == ["2", "1"]


def test_a_promotion_that_was_rolled_back_is_not_made_again(registry: ModelRegistry) -> None:
    """A run that is resumed after a person went back changes nothing."""
    version = registry.get("m:2")
    carry_out(registry, version, _decision())
    registry.rollback("m", who="a person")
    carry_out(registry, version, _decision())
    assert registry.alias("m", "champion") == 1


def test_another_champion_than_was_looked_at_is_a_conflict(registry: ModelRegistry) -> None:
    registry.set_alias("m", "champion", 3, expect=1, who="somebody")
    with pytest.raises(ConflictError, match="points to 3, not to 1"):
        carry_out(registry, registry.get("m:2"), _decision())
    assert registry.alias("m", "champion") == 3


@pytest.mark.parametrize("verdict", ["reject", "await-approval"])
def test_what_is_not_to_be_promoted_moves_nothing(
    registry: ModelRegistry, verdict: Verdict
) -> None:
    assert carry_out(registry, registry.get("m:2"), _decision(verdict)) is None
    assert registry.alias("m", "champion") == 1


def test_decisions_are_kept_and_the_last_one_counts(registry: ModelRegistry) -> None:
    """Two that decide at once agree on the one that was quicker."""
    version = registry.get("m:2")
    log = DecisionLog(registry, version)
    assert log.last() is None
    first = log.add(_decision("reject"), 0)
    assert (first.verdict, bool(first.at)) == ("reject", True)
    assert DecisionLog(registry, version).add(_decision("promote"), 0) == first
    assert log.add(_decision("promote"), 1).verdict == "promote"
    assert [one.verdict for one in log.all()] == ["reject", "promote"]
    assert log.last() == log.all()[-1]


def test_a_person_approves_what_awaits_it_and_nothing_else(registry: ModelRegistry) -> None:
    version = registry.get("m:2")
    with pytest.raises(ConflictError, match="nothing was decided"):
        approve(registry, version)
    DecisionLog(registry, version).add(_decision("await-approval"), 0)
    registry.set_alias("m", "champion", 3, expect=1)
    approved = approve(registry, version, who="ann@desk")
    assert (approved.verdict, approved.champion) == ("promote", 3)
    assert approved.reason == "approved by ann@desk; better"
    move = carry_out(registry, version, approved)
    assert move is not None
    assert (move.who, registry.alias("m", "champion")) == ("ann@desk", 2)
    with pytest.raises(ConflictError, match="does not await approval: promote"):
        approve(registry, version)


@pytest.mark.parametrize("body", [{"verdict": "promote"}, {"nonsense": 1}])
def test_a_damaged_decision_is_an_error(registry: ModelRegistry, body: dict[str, object]) -> None:
    registry.store.create("models/m/decisions/00000002/00000001.json", body)
    with pytest.raises(IntegrityError, match="is no decision"):
        DecisionLog(registry, registry.get("m:2")).last()
