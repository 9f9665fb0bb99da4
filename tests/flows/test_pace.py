"""The rule that says that an epoch takes too long, and how long the rest will take."""

from __future__ import annotations

import random

import pytest

from flows.pace import Pace, in_words


def _pace(*seconds: float) -> Pace:
    pace = Pace()
    for one in seconds:
        pace.note(one)
    return pace


def test_nothing_is_said_before_five_epochs_are_known() -> None:
    assert Pace().left(3) is None
    assert _pace(60, 60, 60, 60).limit() is None
    assert _pace(60, 60, 60, 60, 60).limit() == 300


def test_the_limit_is_five_times_the_median_and_never_a_pause_of_the_machine() -> None:
    assert _pace(*[0.01] * 9).limit() == 10
    assert _pace(*[4.0] * 9).limit() == 20
    assert _pace(*[4.0] * 9).limit(epochs=3) == 60


def test_one_slow_epoch_does_not_move_it() -> None:
    """Nor does a slow first one, which compiles or reads."""
    assert _pace(500, *[10.0] * 6, 900).limit() == 50
    assert _pace(500, *[10.0] * 6, 900).left(4) == 40


def test_an_even_drift_is_no_alarm_and_a_new_pace_is_learnt() -> None:
    """Epochs that grow longer bit by bit, or vary threefold, never cross the limit."""
    grown, varied, numbers = Pace(), Pace(), random.Random(3)  # noqa: S311 - no secret
    for at in range(300):
        for pace, took in ((grown, 10 * 1.01**at), (varied, numbers.uniform(10, 30))):
            assert pace.limit() is None or took <= pace.limit()  # type: ignore[operator] # asked just now
            pace.note(took)
    slower = _pace(*[1.0] * 40, *[100.0] * 13)
    assert slower.limit() == 500


def test_epochs_that_share_a_task_count_as_many() -> None:
    pace = Pace()
    pace.note(50, epochs=10)
    assert (pace.usual, pace.left(2), pace.limit(2)) == (5, 10, 50)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (40, "40 s"), (89.6, "90 s"), (420, "7 min"), (3599, "1 h 0 min"),
     (12000, "3 h 20 min")],
)  # fmt: skip
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
