"""Features that a function of the user's own makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.features.recipe import TIMES, Recipe
from training.errors import DataError
from training.imports import import_function

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from training.config.features import CustomFeature
    from training.data.features.recipe import Columns
    from training.types import Array


def custom_recipe(feature: CustomFeature, trusted: Collection[str] | None) -> Recipe:
    """How `CustomFeature` is made.

    Raises:
        ConfigError: its module is not trusted, or has no such function.
    """
    function = import_function(feature.type, trusted)

    def compute(at: Columns) -> list[Array]:
        given = _frame(feature, at)
        try:
            made = function(given, **feature.settings())
        except Exception as error:
            raise DataError(f"feature {feature.type!r} raised {error!r}") from error
        return _columns(feature, made, len(given))

    return Recipe(
        feature.outputs,
        feature.columns,
        feature.warm_up,
        compute,
        needs_prices=False,
        sees_row=False,  # the leakage guard tries it out
        uses_times=True,
        step=feature.type,
        recursive=True,  # nobody knows
    )


def _frame(feature: CustomFeature, at: Columns) -> pd.DataFrame:
    """A copy: what the function does to it stays there."""
    import pandas as pd

    columns = {name: at[name].copy() for name in feature.columns}
    times = at.get(TIMES)
    return pd.DataFrame(columns, index=None if times is None else pd.DatetimeIndex(times))


def _columns(feature: CustomFeature, made: Any, rows: int) -> list[Array]:  # noqa: ANN401 - whatever a user's function gives
    try:
        values = np.asarray(made, dtype="float64")
    except (TypeError, ValueError) as error:
        raise DataError(f"feature {feature.type!r} made no table of numbers: {error}") from None
    if values.ndim == 1:
        values = values[:, np.newaxis]
    expected = (rows, len(feature.outputs))
    if values.shape != expected:
        raise DataError(
            f"feature {feature.type!r} made an array of shape {values.shape}; expected {expected}: "
            f"a row for each row, a column for each of its outputs {', '.join(feature.outputs)}"
        )
    return list(np.ascontiguousarray(values.T))
