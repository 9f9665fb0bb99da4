"""Learning rates, computed by hand."""

from __future__ import annotations

from math import cos, pi
from typing import Any

import pytest

from training.config import TrainingConfig
from training.models.schedules import LearningRate
from training.types import ModelSpec


def rates(schedule: dict[str, Any], steps: int, epochs: int = 4, batches: int = 2) -> list[float]:
    training = TrainingConfig.model_validate(
        {"optimizer": {"type": "adam", "learning_rate": 0.8}, "schedule": schedule}
    )
    rate = LearningRate(training, ModelSpec(1, epochs=epochs, batches_per_epoch=batches))
    return [rate.after(step) for step in range(steps)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"type": "constant"}, [0.8] * 6),
        ({"type": "constant", "warmup_steps": 4}, [0.2, 0.4, 0.6, 0.8, 0.8, 0.8]),
        ({"type": "step", "every_n_epochs": 2, "gamma": 0.5}, [0.8] * 4 + [0.4] * 4 + [0.2]),
        ({"type": "step", "every_n_epochs": 1, "gamma": 0.5}, [0.8, 0.8, 0.4, 0.4, 0.2]),
        (
            {"type": "step", "every_n_epochs": 1, "gamma": 0.5, "warmup_steps": 4},
            [0.2, 0.4, 0.3, 0.4, 0.2],
        ),
        ({"type": "exponential", "gamma": 0.5}, [0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1]),
        ({"type": "exponential", "gamma": 0.5, "warmup_steps": 1}, [0.8, 0.8, 0.4]),
    ],
)
def test_by_hand(schedule: dict[str, Any], expected: list[float]) -> None:
    assert rates(schedule, len(expected)) == pytest.approx(expected, rel=1e-15)


def test_cosine_goes_down_over_the_planned_steps_and_stays() -> None:
    found = rates({"type": "cosine"}, 11)
    expected = [0.4 * (1 + cos(pi * step / 8)) for step in range(9)]
    assert found[:9] == pytest.approx(expected, abs=1e-16)
    assert found[4] == pytest.approx(0.4)
    assert found[8:] == [0.0, 0.0, 0.0]


def test_cosine_starts_after_the_warm_up_and_ends_at_its_final_share() -> None:
    found = rates({"type": "cosine", "warmup_steps": 4, "final_share": 0.25}, 10)
    assert found[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert found[4] == pytest.approx(0.8)
    assert found[6] == pytest.approx(0.8 * (0.25 + 0.75 / 2))
    assert found[8:] == pytest.approx([0.2, 0.2])


@pytest.mark.parametrize("warmup", [8, 20])
def test_a_warm_up_as_long_as_the_run_is_no_error(warmup: int) -> None:
    found = rates({"type": "cosine", "warmup_steps": warmup}, 8)
    assert found == pytest.approx([0.8 * (step + 1) / warmup for step in range(8)])
