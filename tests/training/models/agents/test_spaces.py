"""Spaces as plain values and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from training.errors import ConfigError, IntegrityError

gym = pytest.importorskip("gymnasium", reason="gymnasium is an extra")
pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra")
spaces: Any = gym.spaces

SPACES = [
    spaces.Box(-1, 1, (3,), np.float32),
    spaces.Box(np.array([-np.inf, 0.1]), np.array([np.inf, 0.7]), (2,), np.float64),
    spaces.Box(0, 255, (4, 4, 3), np.uint8),
    spaces.Discrete(3),
    spaces.Discrete(3, start=-1),
    spaces.MultiDiscrete([2, 5]),
    spaces.MultiBinary(4),
    spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(0, 1, (2,), np.float32)}),
]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_space_goes_round(space: Any) -> None:  # noqa: ANN401 - a space
    from training.models.agents.spaces import from_json, to_json

    found = from_json(json.loads(json.dumps(to_json(space))))
    assert found == space
    assert found.dtype == space.dtype


def test_others_are_refused_by_name() -> None:
    from training.models.agents.spaces import from_json, to_json

    with pytest.raises(ConfigError, match="Text"):
        to_json(spaces.Text(5))
    for damaged in (
        {"type": "box"},
        {"type": "own"},
        {},
        {"type": "discrete", "n": -1, "start": 0},
    ):
        with pytest.raises(IntegrityError, match="stored space"):
            from_json(damaged)
