"""Spaces of observations and actions in plain values, so that a policy can be built again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from training.errors import ConfigError, IntegrityError

if TYPE_CHECKING:
    from training.models.agents.worlds import Worlds
    from training.types import Array


def spaces_of(worlds: Worlds) -> dict[str, Any]:
    """Of the environments, as an algorithm sees them: for `ModelSpec.spaces`.

    Raises:
        ConfigError: one of a kind that agents cannot have.
    """
    environment = worlds.vector(1)
    try:
        return {
            "observation": to_json(environment.observation_space),
            "action": to_json(environment.action_space),
        }
    finally:
        environment.close()


def to_json(space: spaces.Space[Any]) -> dict[str, Any]:
    """A space in plain values.

    Raises:
        ConfigError: of a kind that agents cannot have.
    """
    if isinstance(space, spaces.Box):
        return {
            "type": "box",
            "shape": list(space.shape),
            "dtype": str(space.dtype),
            "low": _bound(space.low),
            "high": _bound(space.high),
        }
    if isinstance(space, spaces.Discrete):
        return {"type": "discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiDiscrete):
        return {"type": "multi_discrete", "nvec": space.nvec.tolist()}
    if isinstance(space, spaces.MultiBinary):
        return {"type": "multi_binary", "n": int(np.prod(space.shape))}
    if isinstance(space, spaces.Dict):
        named = {name: to_json(one) for name, one in space.spaces.items()}
        return {"type": "dict", "spaces": named}
    raise ConfigError(
        f"model.environment has a space {space}, which no agent can have; expected Box, Discrete, "
        "MultiDiscrete, MultiBinary, or a Dict of those"
    )


def from_json(value: dict[str, Any]) -> spaces.Space[Any]:
    """The space that `to_json` told of.

    Raises:
        IntegrityError: it did not make this.
    """
    try:
        kind = value["type"]
        if kind == "box":
            shape, dtype = tuple(value["shape"]), np.dtype(value["dtype"])
            low, high = (_filled(value[name], shape, dtype) for name in ("low", "high"))
            return spaces.Box(low, high, shape, dtype.type)
        if kind == "discrete":
            return spaces.Discrete(value["n"], start=value["start"])
        if kind == "multi_discrete":
            return spaces.MultiDiscrete(value["nvec"])
        if kind == "multi_binary":
            return spaces.MultiBinary(value["n"])
        if kind == "dict":
            return spaces.Dict({name: from_json(one) for name, one in value["spaces"].items()})
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"a stored space is damaged: {error}") from error
    raise IntegrityError(f"a stored space is of the unknown kind {kind!r}")


def _bound(values: Array) -> Any:  # noqa: ANN401 - nested lists, or one number for all
    """One number where they are all the same, as those of a picture are."""
    first = values.flat[0]
    return first.item() if values.size and (values == first).all() else values.tolist()


def _filled(value: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:  # noqa: ANN401 - as above
    return np.array(np.broadcast_to(np.asarray(value, dtype), shape))
