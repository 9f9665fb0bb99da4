"""A trial before training: does an environment, brought back, go on to the bit?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from training.errors import ConfigError
from training.models.agents.memory import environments_memory, recall_environments
from training.models.agents.randomness import AgentRandomness
from training.models.checks import same_state

if TYPE_CHECKING:
    from training.models.agents.worlds import Worlds

_STEPS = 40


def try_out(worlds: Worlds, seed: int) -> None:
    """Act at random, take the memory over into another environment, act on alike in both.

    Raises:
        ConfigError: its memory cannot be stored, or something is not in it.
    """
    randomness = AgentRandomness(seed, torch.device("cpu"), python=worlds.draws_from_python)
    with randomness:
        one, other = worlds.vector(1), worlds.vector(1)
        one.seed(seed % 2**32)
        one.reset()
        _act(one, seed)
        memory = environments_memory(one)
        other.reset()
    drawn = randomness.state_dict()
    with randomness:
        expected = [_act(one, seed + 1), environments_memory(one)]
    randomness.load_state_dict(drawn)
    with randomness:
        recall_environments(other, memory)
        found = [_act(other, seed + 1), environments_memory(other)]
    one.close()
    other.close()
    if not same_state(expected, found):
        raise ConfigError(
            "model.environment cannot be resumed exactly: brought back from what it remembers, it "
            "does not go on as before; give it state_dict() and load_state_dict(state), which say "
            "all it remembers"
        )


def _act(environment: Any, seed: int) -> list[Any]:  # noqa: ANN401 - a VecEnv of the library
    """What came of some actions of chance, which are no part of the environment."""
    space = environment.action_space
    kept, space._np_random = space._np_random, np.random.default_rng(seed)  # noqa: SLF001 - it may be one of its parts
    seen = []
    for _ in range(_STEPS):
        observations, rewards, ended, _ = environment.step(np.array([space.sample()]))
        seen += [observations, rewards, ended]
    space._np_random = kept  # noqa: SLF001 - as above
    return seen
