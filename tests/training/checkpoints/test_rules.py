"""What to keep: each rule names some, and what any of them names stays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from training.checkpoints.rules import kept
from training.config import KeepBest, KeepEvery, KeepLatest
from training.errors import ConfigError
from training.state import CheckpointRef

if TYPE_CHECKING:
    from training.config import KeepRule


def _ref(epoch: int, batch: int = 0, **metrics: float) -> CheckpointRef:
    return CheckpointRef(f"{epoch}.{batch}", epoch, batch, 0, "", metrics)


# Newest first; the loss is best at epoch 2, and at epoch 4 as good again.
REFS = [
    _ref(5, 3, val_loss=0.1),
    _ref(5, val_loss=0.6),
    _ref(4, val_loss=0.2),
    _ref(3, val_loss=math.nan),
    _ref(2, val_loss=0.2),
    _ref(1, val_loss=0.9),
    _ref(0),
]
NEWEST = "5.3"


def test_without_rules_all_are_kept() -> None:
    assert kept((), REFS) == {ref.uri for ref in REFS}


def test_the_newest_stays_whatever_the_rules_say() -> None:
    assert kept([KeepEvery(n=100)], REFS[:-1]) == {NEWEST}


def test_of_no_checkpoints_none_are_kept() -> None:
    assert kept([KeepLatest(), KeepBest(), KeepEvery()], []) == set()


def test_the_latest_are_the_newest_of_any_kind() -> None:
    assert kept([KeepLatest(n=3)], REFS) == {NEWEST, "5.0", "4.0"}
    assert kept([KeepLatest(n=99)], REFS) == {ref.uri for ref in REFS}


def test_every_nth_counts_epochs_and_none_inside_them() -> None:
    refs = [_ref(6), _ref(4, 1), _ref(4), _ref(3), _ref(2)]
    assert kept([KeepEvery(n=2)], refs) == {"6.0", "4.0", "2.0"}


def test_the_start_counts_as_an_epoch_of_every_interval() -> None:
    assert "0.0" in kept([KeepEvery(n=100)], REFS)


def test_the_best_is_among_those_between_epochs_and_the_first_of_equals() -> None:
    """Inside an epoch the metrics are still those of the one before."""
    assert kept([KeepBest(n=1)], REFS) == {NEWEST, "2.0"}
    assert kept([KeepBest(n=3)], REFS) == {NEWEST, "2.0", "4.0", "5.0"}


def test_what_was_not_measured_or_is_not_finite_is_never_the_best() -> None:
    assert kept([KeepBest(n=99)], REFS) == {NEWEST, "5.0", "4.0", "2.0", "1.0"}
    infinite = [_ref(2, val_loss=math.inf), _ref(1, val_loss=-math.inf)]
    assert kept([KeepBest(n=2)], infinite) == {"2.0"}


def test_the_name_or_the_mode_says_which_is_better() -> None:
    refs = [_ref(3, sharpe=0.5), _ref(2, sharpe=2.0), _ref(1, sharpe=-1.0)]
    assert kept([KeepBest(monitor="sharpe")], refs) == {"3.0", "2.0"}
    assert kept([KeepBest(monitor="sharpe", mode="min")], refs) == {"3.0", "1.0"}


def test_a_name_that_does_not_say_it_is_an_error() -> None:
    with pytest.raises(ConfigError, match="mode: min or mode: max"):
        kept([KeepBest(monitor="thing")], REFS)


def test_rules_add_up() -> None:
    rules: list[KeepRule] = [KeepLatest(n=2), KeepBest(n=1), KeepEvery(n=3)]
    assert kept(rules, REFS) == {NEWEST, "5.0", "2.0", "3.0", "0.0"}
