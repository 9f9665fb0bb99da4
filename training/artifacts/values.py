"""Values that JSON alone would change, packed so that they come back exactly.

JSON has no array, no NaN, no infinity, and orjson no integer of more than 64 bits. Such a value
stands in the packed form as an object with one key that begins with `$`; a key of the user's own
that begins with `$` gets one more::

    array([...])    {"$array": 0}        the array itself is kept beside, under its path
    Segmented(...)  {"$array": {...}}    its pieces are (see `training.artifacts.segments`)
    float("nan")    {"$float": "nan"}
    1 << 100        {"$int": "0x10000000000000000000000000"}
    {"$x": 1}       {"$$x": 1}
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import orjson

from training.errors import IntegrityError, StorageError
from training.types import Segmented

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array

    Path = tuple[str, ...]
    Keep = Callable[[Path, Array | Segmented], object]
    Find = Callable[[Path, object], Array]

MAX_DEPTH = 64

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_ARRAYS = {np.ndarray, np.memmap}  # not matrices nor masked arrays, which are more than that
_FLOATS = {"nan", "inf", "-inf"}


def canonical(packed: object) -> bytes:
    """The one JSON text of a packed value.

    Raises:
        StorageError: a text in it is not Unicode.
    """
    try:
        return orjson.dumps(packed, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise StorageError(f"this cannot be stored as JSON: {error}") from error


def pack(value: object, keep: Keep | None = None, path: Path = ()) -> Any:  # noqa: ANN401 - JSON
    """The packed form of a value.

    Args:
        value: nested dicts and lists of plain values.
        keep: is given each array with its path, and says what stands for it; None: there may be
            none.
        path: where the value stands.

    Raises:
        StorageError: something in it cannot come back as it is.
    """
    if len(path) > MAX_DEPTH:
        raise StorageError(f"{_at(path)} is nested deeper than {MAX_DEPTH} levels; make it flatter")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value) if _SMALLEST <= value <= _LARGEST else {"$int": hex(value)}
    if isinstance(value, float):
        return float(value) if isfinite(value) else {"$float": str(float(value))}
    if isinstance(value, Mapping):
        return {_escaped(key, path): pack(item, keep, (*path, key)) for key, item in value.items()}
    if isinstance(value, list) or (keep is None and isinstance(value, tuple)):
        return [pack(item, keep, (*path, str(i))) for i, item in enumerate(value)]
    if keep is not None and _is_array(value):
        return {"$array": keep(path, value)}
    raise StorageError(
        f"{_at(path)} is a {type(value).__module__}.{type(value).__qualname__}, which cannot be "
        f"stored as it is; expected dict, list, {'array, ' if keep else ''}str, int, float, bool "
        "or None: convert it with list(), .item() or np.asarray()"
    )


def unpack(packed: Any, find: Find | None = None, path: Path = ()) -> Any:  # noqa: ANN401 - JSON
    """The value of a packed form.

    Args:
        packed: what `pack` made.
        find: gives the array of a path, from what stands for it; None: there may be none.
        path: where the value stands.

    Raises:
        IntegrityError: `pack` did not make this.
    """
    if len(path) > MAX_DEPTH:
        raise IntegrityError(f"{_at(path)} is nested deeper than {MAX_DEPTH} levels")
    if isinstance(packed, list):
        return [unpack(item, find, (*path, str(i))) for i, item in enumerate(packed)]
    if not isinstance(packed, dict):
        return packed
    if len(packed) == 1:
        ((key, content),) = packed.items()
        if key.startswith("$") and not key.startswith("$$"):
            return _special(key, content, find, path)
    value = {}
    for key, item in packed.items():
        if key.startswith("$") and not key.startswith("$$"):
            raise IntegrityError(f"{_at(path)} has the unknown key {key!r}")
        name = key.removeprefix("$")
        value[name] = unpack(item, find, (*path, name))
    return value


def _special(key: str, content: object, find: Find | None, path: Path) -> Any:  # noqa: ANN401 - JSON
    if key == "$array" and find is not None:
        return find(path, content)
    if key == "$float" and isinstance(content, str) and content in _FLOATS:
        return float(content)
    if key == "$int" and isinstance(content, str):
        try:
            return int(content, 16)
        except ValueError as error:
            raise IntegrityError(f"{_at(path)} is no integer: {error}") from error
    raise IntegrityError(f"{_at(path)} has the unknown key {key!r}")


def _is_array(value: object) -> TypeGuard[Array | Segmented]:
    array = value.array if isinstance(value, Segmented) else value
    return isinstance(array, np.ndarray) and type(array) in _ARRAYS


def _escaped(key: object, path: Path) -> str:
    if not isinstance(key, str):
        raise StorageError(f"{_at(path)} has the key {key!r}; expected text")
    return f"${key}" if key.startswith("$") else key


def _at(path: Path) -> str:
    return repr("/".join(path)[:200]) if path else "the whole"
