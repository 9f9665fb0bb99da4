"""From the configuration of a feature to its columns; a value uses its own row and earlier ones.

To add a kind: its section in `training.config.data`, a function here, and a line in `RECIPES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.data import (
    ColumnsFeature,
    EmaFeature,
    Feature,
    LagsFeature,
    ReturnsFeature,
    RsiFeature,
    SmaFeature,
    VolatilityFeature,
)
from training.market.indicators import (
    exponential_moving_average,
    historical_volatility,
    log_returns,
    relative_strength_index,
    simple_moving_average,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from training.types import Array

    Columns = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a configured feature is made.

    Attributes:
        names: of its columns.
        columns: of the source that it is made of.
        warm_up: rows at the front for which it is not known.
        compute: from the source's columns, float64, shape (rows,) each, to its own.
        needs_prices: whether its source columns must be above 0.
        sees_row: whether it uses its own row, not only earlier ones.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    warm_up: int
    compute: Callable[[Columns], Sequence[Array]]
    needs_prices: bool = True
    sees_row: bool = True


def recipe(feature: Feature) -> Recipe:
    """How the feature is made."""
    return RECIPES[type(feature)](feature)


def spelt_out(features: Sequence[Feature], numeric: Sequence[str]) -> tuple[Feature, ...]:
    """The same features with "every numeric column" as names: scoring must mean the same ones."""
    return tuple(
        feature.model_copy(update={"columns": tuple(numeric)})
        if isinstance(feature, ColumnsFeature) and feature.columns is None
        else feature
        for feature in features
    )


def _columns(feature: ColumnsFeature) -> Recipe:
    names = feature.columns or ()
    return Recipe(names, names, 0, lambda at: [at[name] for name in names], needs_prices=False)


def _returns(feature: ReturnsFeature) -> Recipe:
    column, lags = feature.column, range(feature.lags)

    def compute(at: Columns) -> list[Array]:
        returns = log_returns(at[column])
        return [_earlier(returns, lag) for lag in lags]

    return Recipe(tuple(f"{column}_return_{lag}" for lag in lags), (column,), feature.lags, compute)


def _lags(feature: LagsFeature) -> Recipe:
    column, lags = feature.column, range(1, feature.lags + 1)
    return Recipe(
        tuple(f"{column}_lag_{lag}" for lag in lags),
        (column,),
        feature.lags,
        lambda at: [_earlier(at[column], lag) for lag in lags],
        needs_prices=False,
        sees_row=False,
    )


def _sma(feature: SmaFeature) -> Recipe:
    column, window = feature.column, feature.window
    return Recipe(
        (f"{column}_sma_{window}",),
        (column,),
        window - 1,
        lambda at: [at[column] / simple_moving_average(at[column], window) - 1.0],
    )


def _ema(feature: EmaFeature) -> Recipe:
    column, window = feature.column, feature.window
    return Recipe(
        (f"{column}_ema_{window}",),
        (column,),
        window - 1,
        lambda at: [at[column] / exponential_moving_average(at[column], window) - 1.0],
    )


def _rsi(feature: RsiFeature) -> Recipe:
    column, window = feature.column, feature.window
    return Recipe(
        (f"{column}_rsi_{window}",),
        (column,),
        window,
        lambda at: [relative_strength_index(at[column], window)],
        needs_prices=False,
    )


def _volatility(feature: VolatilityFeature) -> Recipe:
    column, window = feature.column, feature.window
    return Recipe(
        (f"{column}_volatility_{window}",),
        (column,),
        window,
        lambda at: [historical_volatility(at[column], window)],
    )


RECIPES: dict[type[Any], Callable[[Any], Recipe]] = {
    ColumnsFeature: _columns,
    ReturnsFeature: _returns,
    LagsFeature: _lags,
    SmaFeature: _sma,
    EmaFeature: _ema,
    RsiFeature: _rsi,
    VolatilityFeature: _volatility,
}


def _earlier(values: Array, rows: int) -> Array:
    """The values of so many rows before, NaN where there are none."""
    if rows == 0:
        return values
    moved = np.full(len(values), np.nan)
    moved[rows:] = values[:-rows]
    return moved
