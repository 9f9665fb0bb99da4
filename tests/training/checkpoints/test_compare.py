"""Where two states differ, and what bit-identity is promised for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from training.checkpoints import differences, environment, state_differences

STATE: dict[str, Any] = {
    "weights": {"w": np.arange(4.0), "b": np.zeros(2, "float32")},
    "steps": 3,
    "rate": math.nan,
    "list": [1, {"x": None}],
}


def _changed(path: str, value: object) -> dict[str, Any]:
    """The state with one value in another's place."""
    tree = {**STATE, "weights": dict(STATE["weights"])}
    *above, name = path.split("/")
    at = tree
    for key in above:
        at = at[key]
    at[name] = value
    return tree


def test_equal_states_differ_nowhere() -> None:
    assert list(state_differences(STATE, _changed("steps", 3))) == []


DIFFERENCES = {
    "one bit": ("weights/w", np.array([0.0, 1, 2, np.nextafter(3, 4)]), "weights/w: 1 of 4 values"),
    "the sign of a zero": ("weights/b", np.array([0, -0.0], "float32"), "weights/b: 1 of 2 values"),
    "a dtype": ("weights/b", np.zeros(2), "weights/b is float64 of shape (2,), undisturbed"),
    "a shape": ("weights/w", np.zeros((2, 2)), "weights/w is float64 of shape (2, 2)"),
    "a number": ("steps", 4, "steps is 4, undisturbed 3"),
    "a type": ("steps", 3.0, "steps is 3.0, undisturbed 3"),
    "a number for no number": ("rate", 1.0, "rate is 1.0, undisturbed nan"),
    "within a list": ("list", [1, {"x": 2}], "list/1/x is 2, undisturbed None"),
    "the length of a list": ("list", [1], "list is [1], undisturbed"),
    "a name more": ("more", 1, "more is only there with interruptions"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_is_told_by_its_path(name: str) -> None:
    path, value, line = DIFFERENCES[name]
    (found,) = state_differences(STATE, _changed(path, value))
    assert found.startswith(line)


def test_a_name_less_is_told_too() -> None:
    less = {key: value for key, value in STATE.items() if key != "steps"}
    assert list(state_differences(STATE, less)) == ["steps is only there without interruptions"]


def test_the_environment_says_what_bit_identity_is_promised_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = environment()
    assert found["libraries"]["numpy"] == np.__version__
    assert found["threads"]["OMP_NUM_THREADS"] == "3"
    assert differences(found, environment()) == []


def test_what_changed_in_the_environment_is_told_in_words() -> None:
    then = {"cpus": 2, "libraries": {"numpy": "1", "torch": "2"}}
    now = {"cpus": 4, "libraries": {"numpy": "1", "pandas": "3"}}
    assert differences(then, now) == [
        "cpus 2 -> 4",
        "libraries.pandas none -> 3",
        "libraries.torch 2 -> none",
    ]
