"""From the configuration of a feature to its columns; a value uses its own row and earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.config.data import (
    ColumnsFeature,
    EmaFeature,
    LagsFeature,
    ReturnsFeature,
    RsiFeature,
    SmaFeature,
)
from training.market.indicators import (
    exponential_moving_average,
    historical_volatility,
    log_returns,
    relative_strength_index,
    simple_moving_average,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from training.config.data import Feature

    Columns = dict[str, pd.Series[float]]


def compute(feature: Feature, frame: pd.DataFrame) -> Columns:
    """The columns of one feature by name, with NaN in its warm-up."""
    if isinstance(feature, ColumnsFeature):
        return {name: frame[name] for name in feature.columns or ()}
    price = frame[feature.column]
    name = feature.column
    if isinstance(feature, ReturnsFeature):
        returns = log_returns(price)
        return {f"{name}_return_{lag}": returns.shift(lag) for lag in range(feature.lags)}
    if isinstance(feature, LagsFeature):
        return {f"{name}_lag_{lag}": price.shift(lag) for lag in range(1, feature.lags + 1)}
    window = feature.window
    if isinstance(feature, SmaFeature):
        return {f"{name}_sma_{window}": price / simple_moving_average(price, window) - 1.0}
    if isinstance(feature, EmaFeature):
        return {f"{name}_ema_{window}": price / exponential_moving_average(price, window) - 1.0}
    if isinstance(feature, RsiFeature):
        return {f"{name}_rsi_{window}": relative_strength_index(price, window)}
    return {f"{name}_volatility_{window}": historical_volatility(price, window)}


def warm_up(feature: Feature) -> int:
    """Rows at the front for which the feature is not known."""
    if isinstance(feature, ColumnsFeature):
        return 0
    if isinstance(feature, ReturnsFeature | LagsFeature):
        return feature.lags
    if isinstance(feature, SmaFeature | EmaFeature):
        return feature.window - 1
    return feature.window


def columns_of(features: Sequence[Feature]) -> list[str]:
    """The columns of the source that features are made of."""
    names: list[str] = []
    for feature in features:
        names += (
            (feature.columns or ()) if isinstance(feature, ColumnsFeature) else [feature.column]
        )
    return list(dict.fromkeys(names))


def with_columns(features: Sequence[Feature], numeric: Sequence[str]) -> tuple[Feature, ...]:
    """The same features, with "every numeric column" spelt out: scoring must mean the same ones."""
    return tuple(
        feature.model_copy(update={"columns": tuple(numeric)})
        if isinstance(feature, ColumnsFeature) and feature.columns is None
        else feature
        for feature in features
    )


def prices_of(features: Sequence[Feature]) -> list[str]:
    """Columns that a logarithm is taken of, and that must be positive."""
    kinds = (ReturnsFeature,)
    plain = [one.column for one in features if isinstance(one, kinds)]
    return plain + [one.column for one in features if one.type == "volatility"]
