"""What an environment remembers, as arrays and plain values, and back.

Gymnasium has no way to ask an environment for its state. One that has `state_dict` and
`load_state_dict` is asked; of any other, and of each wrapper around it, the attributes are taken.
What is callable, and what describes the environment (its spec, its spaces), was made by its
constructor and is left as it is; of a space only its random state is taken.

Values that are not plain stand as `{"$kind": content}`; nothing in a file chooses a class.
"""

from __future__ import annotations

from collections import deque
from types import ModuleType
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from stable_baselines3.common.monitor import Monitor

from training.errors import ConfigError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = (bool, int, float, str, type(None))
_GENERATORS = {
    kind.__name__: kind
    for kind in (np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64)
}
_LEFT_OUT = {"env", "metadata"}
_LONG = 8
_OF_MONITOR = ("rewards", "needs_reset", "total_steps")
_WAY_OUT = (
    "give the environment state_dict() and load_state_dict(state), which say all it remembers"
)


class _Configured:
    """Stands for what a constructor made, and nothing changes."""


_CONFIGURED = _Configured()


def remembered(environment: gym.Env[Any, Any]) -> list[Any]:
    """The memory of an environment and of each wrapper around it, outermost first.

    Raises:
        ConfigError: something in it cannot be stored; it is named.
    """
    return [_of_layer(layer) for layer in _layers(environment)]


def recall(environment: gym.Env[Any, Any], memory: list[Any]) -> None:
    """Give an environment of the same making its memory back.

    Raises:
        IntegrityError: the memory is that of another one.
    """
    layers = list(_layers(environment))
    if len(layers) != len(memory):
        raise IntegrityError(
            f"the stored environment has {len(memory)} layers, and this one {len(layers)}"
        )
    for layer, known in zip(layers, memory, strict=True):
        if _tells_itself(layer):
            layer.load_state_dict(known)
        else:
            _put_back(layer, known, _name(layer))


def _layers(environment: Any) -> Iterator[Any]:  # noqa: ANN401 - an environment or a wrapper
    yield environment
    while isinstance(environment, gym.Wrapper):
        environment = environment.env
        yield environment


def _of_layer(layer: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(layer, Monitor):  # its lists of all episodes are a log that nobody reads
        return {name: _encode(getattr(layer, name), name, set()) for name in _OF_MONITOR}
    if _tells_itself(layer):
        return layer.state_dict()
    return _attributes(layer, _name(layer), set())


def _tells_itself(layer: Any) -> bool:  # noqa: ANN401 - as above
    kind = type(layer)
    return all(callable(getattr(kind, name, None)) for name in ("state_dict", "load_state_dict"))


def _name(value: object) -> str:
    return type(value).__qualname__


def _attributes(value: object, path: str, seen: set[int]) -> dict[str, Any]:
    seen.add(id(value))
    encoded = {
        name: _encode(item, f"{path}.{name}", seen)
        for name, item in vars(value).items()
        if name not in _LEFT_OUT
    }
    return {name: item for name, item in encoded.items() if item is not _CONFIGURED}


def _encode(value: Any, path: str, seen: set[int]) -> Any:  # noqa: ANN401 - any attribute
    if type(value) in _PLAIN:
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return value.copy()
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return {"$scalar": np.asarray(value)}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "SU":
        data = np.frombuffer(value.tobytes(), np.uint8).copy()
        return {"$chars": data, "dtype": value.dtype.str, "shape": list(value.shape)}
    if type(value) in {list, tuple, deque}:
        items = [_encode(item, f"{path}[{i}]", seen) for i, item in enumerate(value)]
        return _held(value, items, path)
    if type(value) is dict:
        return _pairs(value, path, seen)
    return _of_object(value, path, seen)


def _pairs(value: dict[Any, Any], path: str, seen: set[int]) -> Any:  # noqa: ANN401 - as encoded
    if any(type(key) not in {str, int} for key in value):
        raise _refused(value, path)
    items = [_encode(item, f"{path}[{key!r}]", seen) for key, item in value.items()]
    held = _held(list(value.values()), items, path)
    if held is _CONFIGURED and items:
        return _CONFIGURED
    return {"$dict": [[key, item] for key, item in zip(value, items, strict=True)]}


def _of_object(value: Any, path: str, seen: set[int]) -> Any:  # noqa: ANN401 - any attribute
    if isinstance(value, np.random.Generator) and _name(value.bit_generator) in _GENERATORS:
        return {"$generator": _name(value.bit_generator), "state": _bits(value)}
    if isinstance(value, gym.Space):
        return {"$space": [_bits_of_space(one) for one in _spaces(value)]}
    if callable(value) or isinstance(value, EnvSpec | ModuleType) or id(value) in seen:
        return _CONFIGURED
    if hasattr(value, "__dict__") and not hasattr(type(value), "__slots__"):
        return {"$object": _attributes(value, path, seen)}
    raise _refused(value, path)


def _held(value: Any, items: list[Any], path: str) -> Any:  # noqa: ANN401 - a list, tuple or deque
    if any(item is _CONFIGURED for item in items):
        if all(item is _CONFIGURED for item in items):
            return _CONFIGURED
        raise _refused(value, path)
    if type(value) is list:
        long = len(items) > _LONG and all(type(item) is float for item in items)
        return {"$floats": np.array(items)} if long else items
    if type(value) is deque:
        return {"$deque": items, "maxlen": value.maxlen}
    return {"$tuple": items}


def _refused(value: object, path: str) -> ConfigError:
    kind = type(value)
    return ConfigError(
        f"model.environment: {path} is a {kind.__module__}.{kind.__qualname__}, which cannot be "
        f"stored without pickle; {_WAY_OUT}"
    )


def _put_back(value: object, known: dict[str, Any], path: str) -> None:
    for name, item in known.items():
        old = getattr(value, name, None)
        new = _decode(item, old, f"{path}.{name}")
        if new is not old or type(new) in _PLAIN:
            setattr(value, name, new)


def _decode(item: Any, old: Any, path: str) -> Any:  # noqa: ANN401 - any attribute
    if isinstance(item, np.ndarray):
        return item.copy()
    if isinstance(item, list):
        return [_decode(one, _item(old, i), path) for i, one in enumerate(item)]
    if not isinstance(item, dict):
        return item
    kind = next(iter(item), "")
    if kind == "$object":
        if not hasattr(old, "__dict__"):
            raise IntegrityError(f"{path}: this environment has no such part as is stored of it")
        _put_back(old, item["$object"], path)
        return old
    if kind == "$space":
        for space, state in zip(_spaces(old), item["$space"], strict=True):
            space._np_random = None if state is None else _generator(state)  # noqa: SLF001 - it has no other way
        return old
    if kind == "$generator":
        made = _generator(item)
        if isinstance(old, np.random.Generator) and _name(old.bit_generator) == item["$generator"]:
            old.bit_generator.state = made.bit_generator.state  # others may hold it too
            return old
        return made
    return _made(kind, item, old, path)


def _made(kind: str, item: dict[str, Any], old: Any, path: str) -> Any:  # noqa: ANN401 - any attribute
    if kind == "$scalar":
        return item["$scalar"][()]
    if kind == "$chars":
        return _characters(item)
    if kind == "$floats":
        return item["$floats"].tolist()
    if kind == "$dict":
        return {key: _decode(one, _item(old, key), path) for key, one in item["$dict"]}
    if kind == "$deque":
        return deque(_decode(item["$deque"], old, path), item["maxlen"])
    if kind == "$tuple":
        return tuple(_decode(item["$tuple"], old, path))
    raise IntegrityError(f"{path}: a stored environment holds something of the kind {kind!r}")


def _characters(item: dict[str, Any]) -> Any:  # noqa: ANN401 - an array, or one text of NumPy's
    dtype = np.dtype(item["dtype"])
    if dtype.kind not in "SU":
        raise IntegrityError(f"a stored text has the type {dtype}; expected characters")
    array = np.frombuffer(item["$chars"].tobytes(), dtype).reshape(item["shape"]).copy()
    return array if item["shape"] else array[()]


def _item(old: Any, key: Any) -> Any:  # noqa: ANN401 - any attribute
    """What stands at a place of a list or a dict now; None: nothing does."""
    try:
        return old[key]
    except (IndexError, KeyError, TypeError):
        return None


def _spaces(space: Any) -> Iterator[Any]:  # noqa: ANN401 - spaces have no types of their own
    """A space and those that it is made of."""
    yield space
    parts = getattr(space, "spaces", ())
    for part in parts.values() if isinstance(parts, dict) else parts:
        yield from _spaces(part)


def _bits_of_space(space: Any) -> dict[str, Any] | None:  # noqa: ANN401 - as above
    generator = space._np_random  # noqa: SLF001 - `np_random` would make one
    if generator is None:
        return None
    return {"$generator": _name(generator.bit_generator), "state": _bits(generator)}


def _bits(generator: np.random.Generator) -> Any:  # noqa: ANN401 - NumPy's own dict
    """The state of a bit generator, its arrays copied."""

    def copied(value: Any) -> Any:  # noqa: ANN401 - as it is nested
        if isinstance(value, dict):
            return {name: copied(item) for name, item in value.items()}
        return value.copy() if isinstance(value, np.ndarray) else value

    return copied(generator.bit_generator.state)


def _generator(item: dict[str, Any]) -> np.random.Generator:
    try:
        bits = _GENERATORS[item["$generator"]]()
        bits.state = item["state"]
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"a stored random generator is damaged: {error}") from error
    return np.random.Generator(bits)


def space_memory(space: gym.Space[Any]) -> Any:  # noqa: ANN401 - as it is encoded
    """The random state of a space and of those that it is made of."""
    return _encode(space, "space", set())


def recall_space(space: gym.Space[Any], memory: Any) -> None:  # noqa: ANN401 - as above
    """Give it back."""
    _decode(memory, space, "space")
