"""From a section of the configuration to an algorithm of the library, or to its policy alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space

from training.config.agents import ActorCriticLayers, RecurrentPpoConfig
from training.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from training.config.agents import AgentConfig

_CLASSES: Final = {
    "dqn": "stable_baselines3:DQN",
    "ppo": "stable_baselines3:PPO",
    "a2c": "stable_baselines3:A2C",
    "qrdqn": "sb3_contrib:QRDQN",
    "recurrent_ppo": "sb3_contrib:RecurrentPPO",
}
_ACTIVATIONS: Final = {
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "elu": torch.nn.ELU,
    "leaky_relu": torch.nn.LeakyReLU,
    "gelu": torch.nn.GELU,
    "silu": torch.nn.SiLU,
}
_OURS: Final = {
    *("type", "environment", "environments", "steps_per_epoch", "evaluation_episodes"),
    *("policy", "policy_kwargs", "device"),
}
_RATES: Final = ("learning_rate", "clip_range", "clip_range_vf")
_LINEAR = "lin_"


def make_algorithm(config: AgentConfig, environment: Any, device: torch.device) -> Any:  # noqa: ANN401 - the library's
    """The algorithm, with new weights from the generator of torch as it stands.

    Raises:
        ConfigError: it cannot act in such an environment, or refuses an argument.
    """
    name = policy_name(config, environment.observation_space)
    try:
        return _class_of(config)(
            name, environment, policy_kwargs=policy_arguments(config), device=device,
            **algorithm_arguments(config),
        )  # fmt: skip
    except (AssertionError, TypeError, ValueError) as error:
        raise ConfigError(f"model.type = {config.type!r} cannot be made so: {error}") from error


def make_policy(
    config: AgentConfig, observation: spaces.Space[Any], action: spaces.Space[Any]
) -> Any:  # noqa: ANN401 - the library's
    """The policy alone, to predict with.

    Raises:
        ConfigError: it cannot be made for such spaces.
    """
    kind = _class_of(config)
    made = kind.policy_aliases[policy_name(config, observation)]
    further = {"use_sde": config.use_sde} if hasattr(config, "use_sde") else {}
    try:
        return made(observation, action, lambda _: 0.0, **further, **policy_arguments(config))
    except (AssertionError, TypeError, ValueError) as error:
        raise ConfigError(f"model.type = {config.type!r} cannot be made so: {error}") from error


def policy_name(config: AgentConfig, observation: spaces.Space[Any]) -> str:
    """The library's word for the policy."""
    name = config.policy
    if name == "auto" and isinstance(observation, spaces.Dict):
        name = "MultiInputPolicy"
    elif name == "auto":
        name = "CnnPolicy" if is_image_space(observation) else "MlpPolicy"
    recurrent = isinstance(config, RecurrentPpoConfig)
    return name.replace("Policy", "LstmPolicy") if recurrent else name


def algorithm_arguments(config: AgentConfig) -> dict[str, Any]:
    """What the algorithm's constructor is given besides policy, environment and device."""
    given = {name: getattr(config, name) for name in type(config).model_fields if name not in _OURS}
    for name in _RATES:
        if isinstance(given.get(name), str):
            given[name] = Linear(float(given[name].removeprefix(_LINEAR)))
    return given


def policy_arguments(config: AgentConfig) -> dict[str, Any]:
    """`policy_kwargs` as the library takes them."""
    given = _values(config.policy_kwargs)
    given["activation_fn"] = _ACTIVATIONS[given["activation_fn"]]
    layers = given.pop("net_arch")
    if isinstance(layers, ActorCriticLayers):
        given["net_arch"] = {"pi": list(layers.pi), "vf": list(layers.vf)}
    elif layers is not None:
        given["net_arch"] = list(layers)
    return given


class Linear:
    """From a value in a straight line to 0 at the planned end, as the RL Zoo's `lin_`."""

    def __init__(self, start: float) -> None:
        """Begin with `start`."""
        self.start = start

    def __call__(self, remaining: float) -> float:
        """The value when such a share of the steps remains."""
        return remaining * self.start


def _values(section: BaseModel) -> dict[str, Any]:
    return {name: getattr(section, name) for name in type(section).model_fields}


def _class_of(config: AgentConfig) -> Any:  # noqa: ANN401 - the library's
    module, _, name = _CLASSES[config.type].partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found
