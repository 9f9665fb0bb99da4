"""Agents of every kind, small enough for a test."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from training.config import ModelConfig
from training.models import ModelFactory
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from training.config.agents import AgentConfig
    from training.models.agents.worlds import Worlds
    from training.types import Array, Metrics

EPOCHS = 3
CARTPOLE = {"type": "gymnasium", "id": "CartPole-v1"}
LEARNS_EARLY = {"learning_starts": 60, "buffer_size": 150, "target_update_interval": 10}
SMALL = {"net_arch": [16, 16]}
KINDS: dict[str, dict[str, Any]] = {
    "ppo": {
        "environments": 4,
        "n_steps": 16,
        "batch_size": 32,
        "n_epochs": 2,
        "learning_rate": "lin_0.001",
        "clip_range": "lin_0.2",
        "steps_per_epoch": 120,
        "policy_kwargs": {"net_arch": {"pi": [16], "vf": [8, 8]}},
    },
    "a2c": {"environments": 4, "steps_per_epoch": 75, "policy_kwargs": SMALL},
    "dqn": {
        "train_freq": 8,
        "gradient_steps": 4,
        "exploration_fraction": 0.5,
        "steps_per_epoch": 90,
        "policy_kwargs": SMALL,
        **LEARNS_EARLY,
    },
    "qrdqn": {
        "environments": 2,
        "gradient_steps": -1,
        "n_steps": 3,
        "steps_per_epoch": 90,
        "policy_kwargs": {"n_quantiles": 8, **SMALL},
        **LEARNS_EARLY,
    },
    "recurrent_ppo": {
        "environments": 2,
        "n_steps": 16,
        "batch_size": 16,
        "n_epochs": 2,
        "steps_per_epoch": 60,
        "policy_kwargs": {"lstm_hidden_size": 8, **SMALL},
    },
}


@dataclass(frozen=True)
class Kind:
    """A kind of agent on CartPole.

    Attributes:
        config: its section.
        spec: for three epochs with seed 7.
        worlds: CartPole, with three episodes to validate and two to test.
    """

    config: AgentConfig
    spec: ModelSpec
    worlds: Worlds

    def build(self, **changes: Any) -> Any:  # noqa: ANN401 - an Agent, whose library is an extra
        """A new agent; `changes` are of its spec."""
        spec = replace(self.spec, **changes)
        return ModelFactory(worlds=self.worlds).get_model(self.config, spec)

    def alone(self) -> Any:  # noqa: ANN401 - as above
        """The policy alone, as it is loaded to predict."""
        return ModelFactory().get_model(self.config, self.spec)

    @property
    def batches(self) -> int:
        """Of the whole training."""
        return EPOCHS * self.config.batches_per_epoch

    def train(self, agent: Any, batches: int) -> list[Metrics]:  # noqa: ANN401 - as above
        """Some batches of a training."""
        steps = np.arange(self.config.steps_per_batch)
        return [agent.train_on_batch(Batch(steps, steps)) for _ in range(batches)]


def kind_of(section: dict[str, Any], worlds: Worlds) -> Kind:
    """What is needed to build an agent."""
    from training.models.agents.spaces import spaces_of

    config: Any = TypeAdapter(ModelConfig).validate_python(section)
    spec = ModelSpec(
        inputs=0,
        seed=7,
        epochs=EPOCHS,
        batches_per_epoch=config.batches_per_epoch,
        spaces=spaces_of(worlds),
    )
    return Kind(config, spec, worlds)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of agent on CartPole."""
    return on_cartpole(request.param)


@pytest.fixture
def kinds() -> list[Kind]:
    """All kinds of agents on CartPole."""
    return [on_cartpole(name) for name in KINDS]


def on_cartpole(name: str) -> Kind:
    """A kind of agent on CartPole."""
    import gymnasium as gym

    from training.models.agents.worlds import Worlds

    worlds = Worlds(lambda _part: gym.make("CartPole-v1"), 3, 2)
    return kind_of({"type": name, "environment": CARTPOLE, **KINDS[name]}, worlds)


def library_arguments(section: dict[str, Any]) -> dict[str, Any]:
    """The same section as somebody would write it who uses the library directly."""
    ours = {"type", "environment", "environments", "steps_per_epoch", "evaluation_episodes"}
    given = {name: deepcopy(value) for name, value in section.items() if name not in ours}
    for name, value in given.items():
        if isinstance(value, str) and value.startswith("lin_"):
            given[name] = Falling(float(value[4:]))
    return given


class Falling:
    """The RL Zoo's linear schedule, written once more."""

    def __init__(self, first: float) -> None:
        self.first = first

    def __call__(self, progress_remaining: float) -> float:
        return progress_remaining * self.first


def numbers(*found: int) -> Batch:
    """A batch of these numbers."""
    array: Array = np.array(found)
    return Batch(array, array)


@pytest.fixture
def episodes() -> Any:  # noqa: ANN401 - a function
    """`episodes(0, 1)`: a batch of these episodes."""
    return numbers


@pytest.fixture
def direct() -> Any:  # noqa: ANN401 - a function
    """`direct(kind, steps)`: the same training by the library itself, in one `learn()`."""

    def learn(kind: Kind, steps: int) -> Any:  # noqa: ANN401 - of the library
        import sb3_contrib
        import stable_baselines3
        from stable_baselines3.common.env_util import make_vec_env

        name = kind.config.type
        classes = {
            "ppo": stable_baselines3.PPO,
            "a2c": stable_baselines3.A2C,
            "dqn": stable_baselines3.DQN,
            "qrdqn": sb3_contrib.QRDQN,
            "recurrent_ppo": sb3_contrib.RecurrentPPO,
        }
        policy = "MlpLstmPolicy" if name == "recurrent_ppo" else "MlpPolicy"
        environments = make_vec_env("CartPole-v1", n_envs=kind.config.environments)
        given = library_arguments(KINDS[name])
        return classes[name](policy, environments, seed=kind.spec.seed, **given).learn(steps)

    return learn
