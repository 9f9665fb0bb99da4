"""Features of one column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.data.features.recipe import Recipe
from training.market.indicators import (
    bollinger_bands,
    exponential_moving_average,
    historical_volatility,
    log_returns,
    macd,
    relative_strength_index,
    simple_moving_average,
)
from training.market.windows import rolling_deviation, rolling_extreme, rolling_mean

if TYPE_CHECKING:
    from training.config.features import (
        BollingerFeature,
        ColumnsFeature,
        EmaFeature,
        LagsFeature,
        MacdFeature,
        ReturnsFeature,
        RollingFeature,
        RsiFeature,
        SmaFeature,
        Statistic,
        VolatilityFeature,
    )
    from training.data.features.recipe import Columns
    from training.types import Array


def columns_recipe(feature: ColumnsFeature) -> Recipe:
    """How `ColumnsFeature` is made."""
    names = feature.columns or ()
    return Recipe(names, names, 0, lambda at: [at[name] for name in names], needs_prices=False)


def returns_recipe(feature: ReturnsFeature) -> Recipe:
    """How `ReturnsFeature` is made."""
    column, lags = feature.column, range(feature.lags)

    def compute(at: Columns) -> list[Array]:
        returns = log_returns(at[column])
        return [_earlier(returns, lag) for lag in lags]

    return Recipe(tuple(f"{column}_return_{lag}" for lag in lags), (column,), feature.lags, compute)


def lags_recipe(feature: LagsFeature) -> Recipe:
    """How `LagsFeature` is made."""
    column, lags = feature.column, range(1, feature.lags + 1)
    return Recipe(
        tuple(f"{column}_lag_{lag}" for lag in lags),
        (column,),
        feature.lags,
        lambda at: [_earlier(at[column], lag) for lag in lags],
        needs_prices=False,
        sees_row=False,
    )


def sma_recipe(feature: SmaFeature) -> Recipe:
    """How `SmaFeature` is made."""
    column, window = feature.column, feature.window
    return Recipe(
        (f"{column}_sma_{window}",),
        (column,),
        window - 1,
        lambda at: [at[column] / simple_moving_average(at[column], window) - 1.0],
    )


def ema_recipe(feature: EmaFeature) -> Recipe:
    """How `EmaFeature` is made."""
    column, window = feature.column, feature.window
    return Recipe(
        (f"{column}_ema_{window}",),
        (column,),
        window - 1,
        lambda at: [_distance(at[column], exponential_moving_average(at[column], window))],
        recursive=True,
    )


def rsi_recipe(feature: RsiFeature) -> Recipe:
    """How `RsiFeature` is made."""
    column, window = feature.column, feature.window
    return Recipe(
        (f"{column}_rsi_{window}",),
        (column,),
        window,
        lambda at: [relative_strength_index(at[column], window)],
        needs_prices=False,
        recursive=True,
    )


def volatility_recipe(feature: VolatilityFeature) -> Recipe:
    """How `VolatilityFeature` is made."""
    column, window = feature.column, feature.window
    return Recipe(
        (f"{column}_volatility_{window}",),
        (column,),
        window,
        lambda at: [historical_volatility(at[column], window)],
    )


def macd_recipe(feature: MacdFeature) -> Recipe:
    """How `MacdFeature` is made."""
    column, spans = feature.column, (feature.fast, feature.slow, feature.signal)
    name = f"{column}_macd_{'_'.join(map(str, spans))}"
    return Recipe(
        (name, f"{name}_signal", f"{name}_histogram"),
        (column,),
        feature.slow + feature.signal - 2,
        lambda at: [values / at[column] for values in macd(at[column], *spans)],
        recursive=True,
    )


def bollinger_recipe(feature: BollingerFeature) -> Recipe:
    """How `BollingerFeature` is made."""
    column, window = feature.column, feature.window

    def compute(at: Columns) -> list[Array]:
        bands = bollinger_bands(at[column], window, feature.deviations)
        span = bands.upper - bands.lower
        middle = np.where(np.isnan(span), np.nan, 0.5)  # a price that never moved is in the middle
        place = np.divide(at[column] - bands.lower, span, out=middle, where=span > 0)
        return [place, span / bands.middle]

    name = f"{column}_bollinger_{window}"
    return Recipe((f"{name}_place", f"{name}_width"), (column,), window - 1, compute)


def rolling_recipe(feature: RollingFeature) -> Recipe:
    """How `RollingFeature` is made."""
    column, window = feature.column, feature.window

    def compute(at: Columns) -> list[Array]:
        return [_statistic(name, at[column], window) for name in feature.statistics]

    names = tuple(f"{column}_{name}_{window}" for name in feature.statistics)
    return Recipe(names, (column,), window - 1, compute, needs_prices=False)


def _statistic(name: Statistic, values: Array, window: int) -> Array:
    if name == "mean":
        return rolling_mean(values, window)
    if name in {"min", "max"}:
        return rolling_extreme(values, window, largest=name == "max")
    deviation = rolling_deviation(values, window, sample=True)
    if name == "std":
        return deviation
    distance = values - rolling_mean(values, window)
    score: Array = np.divide(
        distance, deviation, out=np.where(np.isnan(distance), np.nan, 0.0), where=deviation > 0
    )
    return score


def _earlier(values: Array, rows: int) -> Array:
    """The values of so many rows before, NaN where there are none."""
    if rows == 0:
        return values
    moved = np.full(len(values), np.nan)
    moved[rows:] = values[:-rows]
    return moved


def _distance(price: Array, mean: Array) -> Array:
    """Price over a mean, less 1; in the place of the mean."""
    np.divide(price, mean, out=mean)
    mean -= 1.0
    return mean
