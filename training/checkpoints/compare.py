"""Where two states differ, by the path of each value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator


def state_differences(one: Any, other: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any state tree
    """A line for each value that is not the same, to the last bit; NaN equals NaN.

    Args:
        one: dictionaries, lists, arrays and plain values.
        other: to compare it with.
        path: where in the whole they stand.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            below = f"{path}/{key}" if path else str(key)
            if key not in one or key not in other:
                yield f"{below} is only there {'with' if key in other else 'without'} interruptions"
            else:
                yield from state_differences(one[key], other[key], below)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from state_differences(left, right, f"{path}/{index}")
    elif isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        yield from _array_difference(one, other, path)
    elif type(one) is not type(other) or (one != other and not _are_both_nan(one, other)):
        yield f"{path} is {_short(other)}, undisturbed {_short(one)}"


def _array_difference(one: Any, other: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - arrays of any kind
    if one.dtype != other.dtype or one.shape != other.shape:
        kinds = f"{other.dtype} of shape {other.shape}, undisturbed {one.dtype} of {one.shape}"
        yield f"{path} is {kinds}"
    elif one.tobytes() != other.tobytes():
        bits = f"u{one.dtype.itemsize}"
        many = int((one.ravel().view(bits) != other.ravel().view(bits)).sum())
        yield f"{path}: {many} of {one.size} values differ"


def _are_both_nan(one: object, other: object) -> bool:
    return one != one and other != other  # noqa: PLR0124 - only NaN is not itself


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"  # noqa: PLR2004 - fits on a line
