"""All that an agent remembers, out and in: much more than its library saves.

Between two batches that is the policy with its target network, the optimizer, the counters that
schedules follow, the replay buffer as far as it is filled, the last observations, the environments,
the episodes that are averaged, and every random state that is drawn from.
"""

from __future__ import annotations

from hashlib import blake2b
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from training.errors import ConfigError
from training.models.agents.episodes import Ended
from training.models.agents.recall import recall, recall_space, remembered, space_memory
from training.models.checks import check_state
from training.models.pytorch.tensors import from_tree, to_tree
from training.types import Segmented

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.models.agents.randomness import AgentRandomness
    from training.types import Array

_COUNTERS = (
    *("num_timesteps", "_episode_num", "_n_updates", "_current_progress_remaining"),
    *("_n_calls", "exploration_rate"),
)
_PIECE = 2**20
_LARGE = 4 * _PIECE
_IN_BUFFER = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def weights_of(policy: Any) -> dict[str, Array]:  # noqa: ANN401 - the library's
    """Copies of a policy's weights, by the library's names."""
    weights: dict[str, Array] = to_tree(policy.state_dict(), "weights")
    return weights


def fingerprint(policy: Any) -> bytes:  # noqa: ANN401 - the library's
    """Equal weights, equal fingerprint; within one process."""
    hashed = blake2b(digest_size=16)
    for tensor in policy.state_dict().values():
        hashed.update(np.ascontiguousarray(_like(tensor)).data)
    return hashed.digest()


def load_weights(policy: Any, weights: object) -> None:  # noqa: ANN401 - the library's
    """Put weights into a policy, all of them or none.

    Raises:
        ConfigError: they are of another policy.
    """
    expected = {name: _like(tensor) for name, tensor in policy.state_dict().items()}
    policy.load_state_dict(from_tree(check_state("weights", weights, expected)))


class Memory:
    """What an algorithm and everything that it works with remember."""

    def __init__(self, algorithm: Any, randomness: AgentRandomness) -> None:  # noqa: ANN401 - the library's
        """Look at these parts."""
        self._algorithm, self._randomness = algorithm, randomness

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything but the weights.

        Raises:
            ConfigError: the environments have something that cannot be stored.
        """
        one = self._algorithm
        state = {
            "optimizer": to_tree(one.policy.optimizer.state_dict(), "optimizer"),
            "counters": {name: getattr(one, name) for name in _COUNTERS if hasattr(one, name)},
            "last": {
                "observations": to_tree(one._last_obs, "observations"),  # noqa: SLF001 - it has no other name
                "starts": one._last_episode_starts.copy(),  # noqa: SLF001 - as above
            },
            "episodes": _episodes(one),
            "actions": space_memory(one.action_space),
            "environments": environments_memory(one.env),
            "random": self._randomness.state_dict(),
        }
        if getattr(one, "replay_buffer", None) is not None:
            state["buffer"] = buffer_memory(one.replay_buffer)
        if getattr(one, "_last_lstm_states", None) is not None:
            state["last"]["memory"] = [
                [tensor.cpu().numpy().copy() for tensor in pair]
                for pair in one._last_lstm_states  # noqa: SLF001 - as above
            ]
        return state

    def check(self, state: dict[str, Any]) -> None:
        """Accept a state that is of such an agent.

        Raises:
            ConfigError: it is of another.
        """
        own = to_tree(self._algorithm.policy.optimizer.state_dict()["param_groups"], "optimizer")
        given = state["optimizer"]["param_groups"]
        ours = [(group.keys(), group["params"]) for group in own]
        counters = {name for name in _COUNTERS if hasattr(self._algorithm, name)}
        if (
            ours != [(group.keys(), group["params"]) for group in given]
            or counters != set(state["counters"])
            or len(state["last"]["starts"]) != self._algorithm.n_envs
            or ("buffer" in state and state["buffer"]["rows"] > self._rows_of_buffer)
        ):
            raise ConfigError(
                "this state is of another algorithm, or of one with another number of environments "
                "or another buffer: load it into a model of the same configuration"
            )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            IntegrityError: the environments are others.
        """
        one = self._algorithm
        recall_environments(one.env, state["environments"])
        recall_space(one.action_space, state["actions"])
        one.policy.optimizer.load_state_dict(from_tree(state["optimizer"]))
        for name, value in state["counters"].items():
            setattr(one, name, value)
        last = state["last"]
        one._last_obs = _copied(last["observations"])  # noqa: SLF001 - as above
        one._last_episode_starts = last["starts"].copy()  # noqa: SLF001 - as above
        if "memory" in last:
            one._last_lstm_states = type(one._last_lstm_states)(  # noqa: SLF001 - as above
                *(
                    tuple(torch.from_numpy(a.copy()).to(one.device) for a in p)
                    for p in last["memory"]
                )
            )
        _load_episodes(one, state["episodes"])
        if "buffer" in state:
            load_buffer(one.replay_buffer, state["buffer"])
        self._randomness.load_state_dict(state["random"])

    @property
    def _rows_of_buffer(self) -> int:
        return int(self._algorithm.replay_buffer.buffer_size)


def buffer_memory(buffer: Any) -> dict[str, Any]:  # noqa: ANN401 - the library's
    """A replay buffer as far as it is filled."""
    rows = buffer.buffer_size if buffer.full else buffer.pos
    arrays = {
        name: {key: _in_pieces(array[:rows].copy()) for key, array in _named(getattr(buffer, name))}
        for name in _IN_BUFFER
    }
    return {"rows": rows, "position": buffer.pos, "full": buffer.full, "arrays": arrays}


def _in_pieces(array: Array) -> Array | Segmented:
    """A large array in pieces, of which a checkpoint writes those that changed."""
    if array.nbytes < _LARGE:
        return array
    return Segmented(array, max(1, _PIECE * len(array) // array.nbytes))


def load_buffer(buffer: Any, memory: dict[str, Any]) -> None:  # noqa: ANN401 - the library's
    """Fill a replay buffer again; what lies behind is never looked at."""
    rows = memory["rows"]
    for name, arrays in memory["arrays"].items():
        for key, array in _named(getattr(buffer, name)):
            stored = arrays[key]
            array[:rows] = stored.array if isinstance(stored, Segmented) else stored
    buffer.pos, buffer.full = memory["position"], memory["full"]


def environments_memory(vector: Any) -> Any:  # noqa: ANN401 - a VecEnv of the library
    """What all environments remember.

    Raises:
        ConfigError: something that cannot be stored.
    """
    inner = _innermost(vector)
    if hasattr(inner, "state_dict"):
        return inner.state_dict()
    return [remembered(environment) for environment in inner.envs]


def recall_environments(vector: Any, memory: Any) -> None:  # noqa: ANN401 - as above
    """Give it back to environments of the same making."""
    inner = _innermost(vector)
    if hasattr(inner, "load_state_dict"):
        inner.load_state_dict(memory)
        return
    for environment, known in zip(inner.envs, memory, strict=True):
        recall(environment, known)


def _innermost(vector: Any) -> Any:  # noqa: ANN401 - as above
    while hasattr(vector, "venv"):
        vector = vector.venv
    return vector


def _named(arrays: Any) -> Iterator[tuple[str, Array]]:  # noqa: ANN401 - an array, or a dict of them
    """The arrays of a buffer by name; an only one has the name `all`."""
    yield from arrays.items() if isinstance(arrays, dict) else [("all", arrays)]


def _episodes(one: Any) -> dict[str, Any]:  # noqa: ANN401 - the library's
    episodes = list(one.ep_info_buffer)
    names = sorted({name for episode in episodes for name in episode} - {"t"})
    return {
        "told": {
            name: np.array([float(episode.get(name, np.nan)) for episode in episodes])
            for name in names
        },
        "success": np.array([float(success) for success in one.ep_success_buffer]),
    }


def _load_episodes(one: Any, state: dict[str, Any]) -> None:  # noqa: ANN401 - the library's
    told = {name: array.tolist() for name, array in state["told"].items()}
    episodes = []
    for values in zip(*told.values(), strict=True):
        known = {name: value for name, value in zip(told, values, strict=True) if not isnan(value)}
        episodes.append(known | {"l": int(known["l"])} if "l" in known else known)
    one.ep_info_buffer = Ended(episodes, one.ep_info_buffer.maxlen)
    one.ep_success_buffer.clear()
    one.ep_success_buffer.extend(state["success"].tolist())


def _copied(value: Any) -> Any:  # noqa: ANN401 - an array, or a dict of them
    return {k: a.copy() for k, a in value.items()} if isinstance(value, dict) else value.copy()


def _like(tensor: torch.Tensor) -> Array:
    array: Array = tensor.detach().cpu().numpy()
    return array
