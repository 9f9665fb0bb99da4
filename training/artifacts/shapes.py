"""What a document must have: whoever may write into a storage may have put anything into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from training.errors import IntegrityError

Shape: TypeAlias = "type | tuple[type, ...] | dict[str, Shape]"
"""A kind of value, several, or the keys that must be there, each with its shape; `*`: each key."""

NUMBER = (int, float)
METRICS: Shape = {"*": NUMBER}
TEXT_OR_NOTHING = (str, type(None))


def require(value: Any, shape: Shape, where: str, key: str = "") -> Any:  # noqa: ANN401 - JSON in and out
    """The value, if it has a shape; more than that may be in it.

    Args:
        value: of a document that verified.
        shape: what it must be.
        where: the document, for the error.
        key: where in it the value stands.

    Raises:
        IntegrityError: with the document, the key, and what was expected there.
    """
    kinds = dict if isinstance(shape, dict) else shape
    if not isinstance(value, kinds):
        expected = kinds if isinstance(kinds, tuple) else (kinds,)
        raise IntegrityError(
            f"{where} is not as this project writes it: {key or 'the whole'} = "
            f"{str(value)[:60]!r}, expected {' or '.join(kind.__name__ for kind in expected)}; "
            "bring it back from a backup of the storage, or remove what it belongs to"
        )
    if isinstance(shape, dict) and isinstance(value, Mapping):
        for known, inner in shape.items():
            for name in value if known == "*" else (known,):
                require(value.get(name), inner, where, f"{key}.{name}" if key else name)
    return value
