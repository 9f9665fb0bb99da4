"""What arrays a NumPy model takes, and what it says about others.

The hot path only compares; these functions run when something did not match, and raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.types import Array, ModelSpec


def check_inputs(x: object, inputs: int, dtype: np.dtype[Any], window: int | None = None) -> None:
    """Accept a contiguous array of shape (rows, inputs), or any of (rows, window, inputs).

    Raises:
        DataError: anything else.
    """
    shape = f"(rows, {inputs})" if window is None else f"(rows, {window}, {inputs})"
    expected = f"a {'C-contiguous ' if window is None else ''}{dtype} array of shape {shape}"
    if not isinstance(x, np.ndarray):
        raise DataError(f"inputs are a {type(x).__name__}; expected {expected}")
    got = f"inputs of shape {x.shape} and dtype {x.dtype}"
    if window is not None:
        if x.shape[1:] != (window, inputs):
            raise DataError(f"{got}; expected {expected}")
    elif x.ndim == 3:  # noqa: PLR2004 - (rows, window, features)
        raise DataError(f"{got}; expected {expected}: flatten windows with x.reshape(len(x), -1)")
    elif x.ndim != 2 or x.shape[1] != inputs:  # noqa: PLR2004 - (rows, features)
        raise DataError(f"{got}; expected {expected}")
    if x.dtype != dtype:
        raise DataError(f"{got}; expected {expected}: convert once with x.astype({str(dtype)!r})")
    if window is None and not x.flags.c_contiguous:
        raise DataError(f"{got}, not contiguous; expected {expected}: np.ascontiguousarray(x)")


def fit_targets(y: object, rows: int, spec: ModelSpec) -> Array:
    """Targets in the shape that losses take: (rows,), or (rows, outputs) for several values.

    Args:
        y: of that shape, or (rows, 1) in place of (rows,). Of the model's dtype; classes may be
            whole numbers of any dtype too.
        rows: number of rows of the inputs.
        spec: task, outputs and dtype of the model.

    Raises:
        DataError: another shape or dtype.
    """
    values = spec.task == "regression"
    columns = spec.outputs if values else 1
    shape = (rows,) if columns == 1 else (rows, columns)
    kinds = spec.dtype if values else f"{spec.dtype} or integer"
    expected = f"{kinds} targets of shape {shape}"
    if not isinstance(y, np.ndarray):
        raise DataError(f"targets are a {type(y).__name__}; expected {expected}")
    if y.shape not in {shape, (rows, columns)}:
        raise DataError(f"targets of shape {y.shape}; expected {expected}, one for each row")
    if y.dtype != spec.numpy_dtype and (values or y.dtype.kind not in "iub"):
        raise DataError(f"targets of dtype {y.dtype}; expected {expected}: convert them once")
    return y.reshape(shape)


def check_weight(weight: object, rows: int, dtype: np.dtype[Any]) -> None:
    """Accept one weight for each row, with a sum above 0.

    Raises:
        DataError: anything else.
    """
    shape, got = getattr(weight, "shape", None), getattr(weight, "dtype", type(weight).__name__)
    if not isinstance(weight, np.ndarray) or shape != (rows,) or got != dtype:
        raise DataError(
            f"weights of shape {shape} and dtype {got}; expected a {dtype} array of shape "
            f"{(rows,)}, one weight for each row, or None"
        )
    total = float(weight.sum())
    if not total > 0:
        raise DataError(
            f"the weights of this batch of {rows} rows sum to {total}; expected a sum above 0: "
            "leave out rows that should not count, or weight by None"
        )


def check_outputs(spec: ModelSpec) -> None:
    """Accept a task that can have so many outputs.

    Raises:
        ConfigError: it cannot.
    """
    fits = {
        "binary": spec.outputs == 1,
        "multiclass": spec.outputs > 1,
        "regression": spec.outputs > 0,
    }[spec.task]
    if not fits or spec.inputs < 1:
        raise ConfigError(
            f"a {spec.task} model with {spec.inputs} inputs and {spec.outputs} outputs cannot be; "
            "expected inputs >= 1, and 1 output for binary, 2 or more for multiclass, "
            "1 or more for regression"
        )


def check_classes(y: Array, classes: int) -> None:
    """Accept whole numbers from 0 to `classes` - 1.

    Raises:
        DataError: there are others.
    """
    if not np.isin(y, np.arange(classes)).all():
        raise DataError(foreign_labels(y, classes))


def foreign_labels(y: Array, classes: int) -> str:
    """What is said of targets that are no class."""
    foreign = y[~np.isin(y, np.arange(classes))]
    shown = ", ".join(str(label) for label in foreign[:3].tolist())
    return (
        f"{len(foreign)} of {len(y)} targets are no class: {shown}; expected whole numbers from 0 "
        f"to {classes - 1}: number the classes so, or make the task a regression"
    )


def check_state(part: str, given: object, expected: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of a part of a state, when they fit.

    A state that does not fit was made by another configuration: its bytes have been verified
    before it came here, so this is a `ConfigError` and not an `IntegrityError`.

    Raises:
        ConfigError: names, shapes or dtypes are not the expected ones.
    """
    if not isinstance(given, dict) or set(given) != set(expected):
        names = sorted(given) if isinstance(given, dict) else type(given).__name__
        raise ConfigError(
            f"this state has {part} {names}; this model expects {sorted(expected)}: load it into "
            "a model of the same configuration"
        )
    for name, array in expected.items():
        value = given[name]
        if getattr(value, "shape", None) != array.shape or value.dtype != array.dtype:
            raise ConfigError(
                f"this state has {part}.{name} {_describe(value)}; this model expects "
                f"{_describe(array)}: load it into a model of the same configuration"
            )
    return given


def same_state(one: Any, other: Any) -> bool:  # noqa: ANN401 - a state's tree
    """Whether two trees of arrays and plain values are the same to the bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_state(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_state, one, other))
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and one.tobytes() == other.tobytes())
    return bool(one == other) or one != one  # noqa: PLR0124 - NaN


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"of shape {value.shape} and dtype {value.dtype}"
    return f"= {value!r}"
