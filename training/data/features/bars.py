"""Features of whole bars: high, low, close and volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.data.features.recipe import Recipe
from training.market.bar_indicators import (
    Bars,
    aroon,
    average_true_range,
    directional_movement,
    volume_flow,
)

if TYPE_CHECKING:
    from training.config.features import AdxFeature, AroonFeature, AtrFeature, ObvFeature
    from training.data.features.recipe import Columns
    from training.types import Array


def atr_recipe(feature: AtrFeature) -> Recipe:
    """How `AtrFeature` is made."""
    columns, window = (feature.high, feature.low, feature.close), feature.window

    def compute(at: Columns) -> list[Array]:
        bars = Bars(*(at[name] for name in columns))
        return [average_true_range(bars, window) / bars.close]

    return Recipe((f"{feature.close}_atr_{window}",), columns, window, compute, recursive=True)


def adx_recipe(feature: AdxFeature) -> Recipe:
    """How `AdxFeature` is made."""
    columns, window = (feature.high, feature.low, feature.close), feature.window
    name = f"{feature.close}_adx_{window}"
    return Recipe(
        (f"{name}_plus", f"{name}_minus", name),
        columns,
        2 * window - 1,
        lambda at: directional_movement(Bars(*(at[name] for name in columns)), window),
        recursive=True,
    )


def aroon_recipe(feature: AroonFeature) -> Recipe:
    """How `AroonFeature` is made."""
    high, low, window = feature.high, feature.low, feature.window
    return Recipe(
        (f"{high}_aroon_{window}_up", f"{low}_aroon_{window}_down"),
        (high, low),
        window,
        lambda at: aroon(Bars(at[high], at[low], at[low]), window),
        needs_prices=False,
    )


def obv_recipe(feature: ObvFeature) -> Recipe:
    """How `ObvFeature` is made."""
    column, volume, window = feature.column, feature.volume, feature.window
    return Recipe(
        (f"{column}_obv_{window}",),
        (column, volume),
        window,
        lambda at: [volume_flow(at[column], at[volume], window)],
        needs_prices=False,
    )
