"""Features of the time of a row alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.data.features.recipe import TIMES, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.features import CalendarFeature, CalendarPart
    from training.data.features.recipe import Columns
    from training.types import Array

DAY = np.timedelta64(1, "D")
MONDAY = 3
"""1970-01-01 was a Thursday."""


def calendar_recipe(feature: CalendarFeature) -> Recipe:
    """How `CalendarFeature` is made."""

    def compute(at: Columns) -> list[Array]:
        angles = [2 * np.pi * _turn(part, at[TIMES]) for part in feature.parts]
        return [wave for angle in angles for wave in (np.sin(angle), np.cos(angle))]

    names = tuple(f"{part}_{wave}" for part in feature.parts for wave in ("sin", "cos"))
    return Recipe(names, (), 0, compute, needs_prices=False, uses_times=True, needs_times=True)


def _turn(part: CalendarPart, times: Array) -> Array:
    """Where each time is in its circle, from 0 to below 1."""
    days = times.astype("datetime64[D]")
    months, years = times.astype("datetime64[M]"), times.astype("datetime64[Y]")
    turns: dict[CalendarPart, Callable[[], Array]] = {
        "time_of_day": lambda: (times - days) / DAY,
        "weekday": lambda: (days.astype("int64") + MONDAY) % 7 / 7,
        "day_of_month": lambda: (days - months) / (_days(months + 1) - _days(months)),
        "month": lambda: months.astype("int64") % 12 / 12,
        "day_of_year": lambda: (days - years) / (_days(years + 1) - _days(years)),
    }
    return turns[part]()


def _days(times: Array) -> Array:
    return times.astype("datetime64[D]")
