"""An environment's memory: taken from attributes, tried out, refused by name where it cannot be."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import encode
from training.errors import ConfigError, IntegrityError
from training.models.checks import same_state

gym = pytest.importorskip("gymnasium", reason="gymnasium is an extra")
pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra")

if TYPE_CHECKING:
    from training.models.agents.worlds import Worlds


class Toy(gym.Env):  # type: ignore[misc, name-defined] # gymnasium is optional, so it has no types here
    """Draws from where `draw` says, and remembers things of many kinds."""

    def __init__(self, draw: str = "own") -> None:
        self.observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(3)
        self.draw = draw
        self.last: deque[float] = deque(maxlen=3)
        self.pair = (np.float32(1), "text")
        self.helper = Helper()
        self.table: dict[Any, Any] = {1: [1.0, 2.0], "b": np.zeros(2)}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - as gymnasium has it
        super().reset(seed=seed)
        self.helper.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401 - as gymnasium has it
        drawn = self._drawn()
        self.last.append(drawn)
        self.helper.steps += 1
        self.table["b"][0] += drawn
        seen = np.array([sum(self.last) / 3, self.table["b"][0] % 1], np.float32)
        return seen, drawn, False, self.helper.steps >= 7, {}

    def _drawn(self) -> float:
        if self.draw == "numpy":
            return float(np.random.rand())  # noqa: NPY002 - everybody's generator is the point
        if self.draw == "python":
            import random

            return random.random()  # noqa: S311 - as above
        return float(self.np_random.random())


class Helper:
    """A part of an environment."""

    def __init__(self) -> None:
        self.steps = 0


class Hidden(Toy):
    """Keeps its state where no attribute shows it."""

    def __init__(self) -> None:
        super().__init__()
        drawn = iter(np.random.default_rng(0).random(10_000).tolist())
        self._drawn = lambda: next(drawn)  # type: ignore[method-assign] # on purpose


class Compiled(Toy):
    """Holds something that nobody can store."""

    def __init__(self) -> None:
        super().__init__()
        self.file = iter([1, 2, 3])


class Told(Hidden):
    """The same, but it says its state itself."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        values = np.random.default_rng(0).random(10_000).tolist()

        def drawn() -> float:
            self.count += 1
            return float(values[self.count])

        self._drawn = drawn  # type: ignore[method-assign] # on purpose

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "steps": self.helper.steps, "last": list(self.last),
                "b": self.table["b"].copy()}  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count, self.helper.steps = state["count"], state["steps"]
        self.last, self.table["b"] = deque(state["last"], 3), state["b"].copy()


def worlds(make: Any) -> Worlds:  # noqa: ANN401 - a class
    from training.models.agents.worlds import Worlds

    return Worlds(lambda _part: make(), 1, 1)


@pytest.mark.parametrize("draw", ["own", "numpy", "python"])
def test_what_stands_in_attributes_goes_on_to_the_bit(draw: str) -> None:
    from training.models.agents.trial import try_out

    try_out(worlds(lambda: Toy(draw)), 5)


@pytest.mark.parametrize(
    "name", ["CartPole-v1", "Pendulum-v1", "Acrobot-v1", "FrozenLake-v1", "Taxi-v4", "Blackjack-v1"]
)
def test_environments_of_gymnasium_go_on_to_the_bit(name: str) -> None:
    from training.models.agents.recall import remembered
    from training.models.agents.trial import try_out

    try_out(worlds(lambda: gym.make(name)), 5)
    encode({"memory": remembered(gym.make(name))})  # as safetensors and JSON


def test_a_state_that_is_told_is_what_counts() -> None:
    from training.models.agents.trial import try_out

    try_out(worlds(Told), 5)


def test_a_hidden_state_is_found_out_before_training() -> None:
    from training.models.agents.trial import try_out

    with pytest.raises(ConfigError, match="cannot be resumed exactly"):
        try_out(worlds(Hidden), 5)


def test_what_cannot_be_stored_is_refused_by_name() -> None:
    from training.models.agents.trial import try_out

    with pytest.raises(ConfigError, match=r"Compiled\.file is a .*list_iterator.*state_dict"):
        try_out(worlds(Compiled), 5)


def test_a_memory_of_another_environment_is_refused() -> None:
    from training.models.agents.recall import recall, remembered

    one = gym.make("CartPole-v1")
    with pytest.raises(IntegrityError, match="layers"):
        recall(Toy(), remembered(one))


def test_a_memory_is_a_copy() -> None:
    from training.models.agents.recall import remembered

    one = Toy()
    one.reset(seed=1)
    before, again = remembered(one), remembered(one)
    one.step(0)
    assert same_state(before, again)
    assert not same_state(before, remembered(one))
