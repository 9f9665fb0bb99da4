"""Environments that step together in one call, as Stable-Baselines3 wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gymnasium.vector import VectorEnv

    from training.types import Array

_EPISODE = {"reward": "r", "length": "l"}
_NO_FACT = {"episode"}


class Together(VecEnv):  # type: ignore[misc] # the library is optional, so it has no types here
    """A `gymnasium.vector.VectorEnv` that begins the next episode in the step that ends one.

    What it tells of an episode that ended (`final_info`: `reward`, `length` and other numbers)
    becomes what a Monitor would tell.
    """

    def __init__(self, environments: VectorEnv[Any, Any, Any]) -> None:
        """Stand in front of them."""
        self.environments = environments
        count = environments.num_envs
        super().__init__(
            count, environments.single_observation_space, environments.single_action_space
        )
        self._actions: Any = None
        self._quiet: list[dict[str, Any]] = [{} for _ in range(count)]

    def reset(self) -> Array:
        """Begin the next episode everywhere, or the first, after `seed`."""
        seeds = None if self._seeds[0] is None else list(self._seeds)
        observations, _ = self.environments.reset(seed=seeds)
        self._reset_seeds()
        return np.asarray(observations)

    def step_async(self, actions: Array) -> None:
        """Keep the actions."""
        self._actions = actions

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Take the step."""
        seen, rewards, terminated, truncated, told = self.environments.step(self._actions)
        over = terminated | truncated
        infos = self._ended(over, truncated & ~terminated, told) if over.any() else self._quiet
        return seen, rewards.astype(np.float32), over, infos

    def _ended(self, over: Array, cut: Array, told: dict[str, Any]) -> list[dict[str, Any]]:
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        facts = told["final_info"]
        for place in np.flatnonzero(over):
            episode = {
                _EPISODE.get(name, name): values[place].item()
                for name, values in facts.items()
                if name[0] != "_" and name not in _NO_FACT
            }
            infos[place] = {
                "episode": episode,
                "terminal_observation": told["final_obs"][place],
                "TimeLimit.truncated": bool(cut[place]),
            }
        return infos

    def state_dict(self) -> dict[str, Any]:
        """What the environments remember."""
        state: dict[str, Any] = self.environments.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.environments.load_state_dict(state)

    def close(self) -> None:
        """Let go of them."""
        self.environments.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:  # noqa: ANN401 - as the library has it
        """An attribute that all have in common."""
        return [getattr(self.environments, attr_name)] * len(self._get_indices(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:  # noqa: ANN401 - as the library has it
        """Set it for all."""
        setattr(self.environments, attr_name, value)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,  # noqa: ANN401 - as the library has it
        indices: Any = None,  # noqa: ANN401 - as the library has it
        **method_kwargs: Any,  # noqa: ANN401 - as the library has it
    ) -> list[Any]:
        """Call a method that all have in common."""
        answer = getattr(self.environments, method_name)(*method_args, **method_kwargs)
        return [answer] * len(self._get_indices(indices))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:  # noqa: ANN401 - as the library has it
        """None is."""
        return [False] * len(self._get_indices(indices))

    def _get_indices(self, indices: int | Sequence[int] | None) -> Sequence[int]:
        if indices is None:
            return range(self.num_envs)
        return [indices] if isinstance(indices, int) else indices
