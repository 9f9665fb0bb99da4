"""From the configuration of a feature to its columns; a value uses its own row and earlier ones.

To add a kind: its section in `training.config.features`, a recipe here, and a line in `RECIPES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.config import features as kinds
from training.data.features import bars, calendar, columns
from training.data.features.custom import custom_recipe
from training.data.features.recipe import TIMES, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

__all__ = ["TIMES", "Recipe", "recipe", "spelt_out"]

RECIPES: dict[type[Any], Callable[[Any], Recipe]] = {
    kinds.ColumnsFeature: columns.columns_recipe,
    kinds.ReturnsFeature: columns.returns_recipe,
    kinds.LagsFeature: columns.lags_recipe,
    kinds.SmaFeature: columns.sma_recipe,
    kinds.EmaFeature: columns.ema_recipe,
    kinds.RsiFeature: columns.rsi_recipe,
    kinds.VolatilityFeature: columns.volatility_recipe,
    kinds.RollingFeature: columns.rolling_recipe,
    kinds.MacdFeature: columns.macd_recipe,
    kinds.BollingerFeature: columns.bollinger_recipe,
    kinds.CalendarFeature: calendar.calendar_recipe,
    kinds.AtrFeature: bars.atr_recipe,
    kinds.AdxFeature: bars.adx_recipe,
    kinds.AroonFeature: bars.aroon_recipe,
    kinds.ObvFeature: bars.obv_recipe,
}


def recipe(feature: kinds.Feature, trusted: Collection[str] | None = None) -> Recipe:
    """How the feature is made.

    Args:
        feature: its section.
        trusted: modules that `module:function` may name; None: all.

    Raises:
        ConfigError: a function that is not trusted, or not there.
    """
    if isinstance(feature, kinds.CustomFeature):
        return custom_recipe(feature, trusted)
    return RECIPES[type(feature)](feature)


def spelt_out(
    features: Sequence[kinds.Feature], numeric: Sequence[str]
) -> tuple[kinds.Feature, ...]:
    """The same features with "every numeric column" as names: scoring must mean the same ones."""
    return tuple(
        feature.model_copy(update={"columns": tuple(numeric)})
        if isinstance(feature, kinds.ColumnsFeature) and feature.columns is None
        else feature
        for feature in features
    )
