"""What a fitted estimator remembers, as arrays and plain values, and back.

Arrays stand as they are. Everything that JSON would change is an object with the key `kind`::

    array, in Fortran's order       {"kind": "fortran", "array": its transpose}
    array of objects                {"kind": "objects", "shape": […], "items": […]}
    NumPy scalar                    {"kind": "scalar", "array": 0-dimensional}
    tuple, dict                     {"kind": "tuple", "items": […]}, {"kind": "dict", "items": {…}}
    dict whose keys are no text     {"kind": "pairs", "keys": […], "items": […]}
    object of the closed table      {"kind": "attributes", "class": …, "items": {…}}
    compiled object of that table   {"kind": "call", "class": …, "items": […]}
    tree, random generator          see `training.models.scikit.compiled`
    something that was met before   {"kind": "again", "number": the how manieth it was}

So what was shared is shared again: scikit-learn's optimizers write into arrays that their
estimator holds too. Nothing is ever pickled, and what is in none of these forms is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import ConfigError, IntegrityError
from training.models.scikit import compiled
from training.models.scikit.nested import class_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.types import Array

_PLAIN = (bool, int, float, str, type(None))


def encode(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of an estimator as a tree of arrays and plain values, all copies.

    Raises:
        ConfigError: something in it is of a kind that cannot be stored; its place is named.
    """
    encoder = _Encoder()
    return {name: encoder.encode(value, name) for name, value in sorted(attributes.items())}


def decode(state: Mapping[str, Any]) -> dict[str, Any]:
    """What `encode` was given, in memory of its own.

    Raises:
        IntegrityError: `encode` did not make this.
    """
    decoder = _Decoder()
    try:
        return {name: decoder.decode(value) for name, value in sorted(state.items())}
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"a stored estimator is damaged: {error!r}") from error


class _Encoder:
    """Walks through objects and numbers those that can be shared."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[int, object]] = {}  # holding them keeps their ids theirs

    def encode(self, value: Any, path: str) -> Any:  # noqa: ANN401 - any attribute
        if type(value) in _PLAIN:
            return value
        if isinstance(value, np.generic):
            return {"kind": "scalar", "array": np.array(value)}
        if type(value) is list:
            return [self.encode(item, f"{path}[{i}]") for i, item in enumerate(value)]
        if type(value) is tuple:
            items = [self.encode(item, f"{path}[{i}]") for i, item in enumerate(value)]
            return {"kind": "tuple", "items": items}
        if id(value) in self._met:
            return {"kind": "again", "number": self._met[id(value)][0]}
        self._met[id(value)] = (len(self._met), value)
        if type(value) is np.ndarray:
            return self._array(value, path)
        if type(value) is dict:
            return self._dict(value, path)
        return self._object(value, path)

    def _items(self, items: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {key: self.encode(item, f"{path}.{key}") for key, item in sorted(items.items())}

    def _dict(self, value: dict[Any, Any], path: str) -> dict[str, Any]:
        if all(type(key) is str for key in value):
            return {"kind": "dict", "items": self._items(value, path)}
        keys = self.encode(list(value), path)
        return {"kind": "pairs", "keys": keys, "items": self.encode(list(value.values()), path)}

    def _array(self, value: Array, path: str) -> Any:  # noqa: ANN401 - an array or an object
        if value.dtype == object:
            items = [self.encode(item, f"{path}[{i}]") for i, item in enumerate(value.flat)]
            return {"kind": "objects", "shape": list(value.shape), "items": items}
        if value.dtype.kind not in "biuf":
            raise ConfigError(f"{path} is an array of {value.dtype}, which cannot be stored")
        if value.flags.f_contiguous and not value.flags.c_contiguous:
            return {"kind": "fortran", "array": value.T.copy()}
        return np.ascontiguousarray(value).reshape(value.shape).copy()

    def _object(self, value: Any, path: str) -> dict[str, Any]:  # noqa: ANN401 - any attribute
        known = compiled.encode(value)
        if known is not None:
            return known
        kind = type(value)
        if class_of(kind.__name__) is kind:
            return {
                "kind": "attributes",
                "class": kind.__name__,
                "items": self._items(vars(value), path),
            }
        if class_of(kind.__name__, "calls") is kind:
            made_by, arguments = value.__reduce__()[:2]  # what pickle would call, and with what
            plain = list(arguments) if made_by is kind else []
            return {"kind": "call", "class": kind.__name__, "items": self.encode(plain, path)}
        raise ConfigError(
            f"{path} is a {kind.__module__}.{kind.__qualname__}, which cannot be stored without "
            "pickle"
        )


class _Decoder:
    """Walks in the same order, so that numbers mean the same."""

    def __init__(self) -> None:
        self._met: list[Any] = []

    def decode(self, value: Any) -> Any:  # noqa: ANN401 - any attribute
        if type(value) in _PLAIN:
            return value
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if isinstance(value, np.ndarray):
            return self._meet(np.array(value, order="C"))
        kind = value.get("kind")
        if kind == "scalar":
            return np.asarray(value["array"])[()]
        if kind == "tuple":
            return tuple(self.decode(item) for item in value["items"])
        if kind == "again":
            return self._met[value["number"]]
        if kind == "fortran":
            return self._meet(np.array(value["array"], order="C").T)
        return self._deeper(kind, value)

    def _deeper(self, kind: object, value: dict[str, Any]) -> Any:  # noqa: ANN401 - any attribute
        if kind == "dict":
            return self._fill(self._meet({}), value["items"])
        if kind == "pairs":
            pairs = self._meet({})
            keys = self.decode(value["keys"])
            pairs.update(zip(keys, self.decode(value["items"]), strict=True))
            return pairs
        if kind == "objects":
            found = np.empty(value["shape"], dtype=object)
            self._meet(found)
            for i, item in enumerate(value["items"]):
                found.flat[i] = self.decode(item)
            return found
        if kind in {"attributes", "call"}:
            return self._of_table(kind, value)
        return self._meet(compiled.decode(value))

    def _of_table(self, kind: str, value: dict[str, Any]) -> Any:  # noqa: ANN401 - of the table
        found = class_of(value["class"], "attributes" if kind == "attributes" else "calls")
        if found is None:
            raise IntegrityError(f"a stored estimator holds the unknown object {value['class']!r}")
        if kind == "call":
            number = len(self._met)
            self._met.append(None)
            self._met[number] = found(*self.decode(value["items"]))
            return self._met[number]
        made = self._meet(object.__new__(found))
        self._fill(vars(made), value["items"])
        return made

    def _fill(self, into: dict[str, Any], items: dict[str, Any]) -> dict[str, Any]:
        for key, item in sorted(items.items()):
            into[key] = self.decode(item)
        return into

    def _meet(self, value: Any) -> Any:  # noqa: ANN401 - any attribute
        self._met.append(value)
        return value
