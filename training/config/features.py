"""The section `data.features`: what the model sees."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, Tag, model_validator

from training.config.base import Count, Positive, PositiveFloat, Section
from training.config.choice import CUSTOM, by_type

Columns = tuple[str, ...]
Statistic = Literal["mean", "std", "min", "max", "zscore"]
CalendarPart = Literal["time_of_day", "weekday", "day_of_month", "month", "day_of_year"]


class ColumnsFeature(Section):
    """Columns of the source as they are."""

    type: Literal["columns"] = "columns"
    columns: Columns | None = None
    """Which; default: every numeric column but the target."""


class ReturnsFeature(Section):
    """Log returns of a price: of this bar and of the bars before it."""

    type: Literal["returns"] = "returns"
    column: str = "close"
    lags: Positive = 1
    """How many: 1 is the return of this bar alone."""


class LagsFeature(Section):
    """Earlier values of a column."""

    type: Literal["lags"] = "lags"
    column: str = "close"
    lags: Positive = 1
    """1 to this many bars back."""


class SmaFeature(Section):
    """Price over its simple moving average, less 1."""

    type: Literal["sma"] = "sma"
    column: str = "close"
    window: Positive = 20


class EmaFeature(Section):
    """Price over its exponential moving average (alpha = 2 / (window + 1)), less 1."""

    type: Literal["ema"] = "ema"
    column: str = "close"
    window: Positive = 20


class RsiFeature(Section):
    """Relative strength index by Wilder's smoothing, seeded with the mean of the first window."""

    type: Literal["rsi"] = "rsi"
    column: str = "close"
    window: Positive = 14


class VolatilityFeature(Section):
    """Standard deviation of log returns over a window."""

    type: Literal["volatility"] = "volatility"
    column: str = "close"
    window: Annotated[int, Field(strict=True, ge=2)] = 20


class RollingFeature(Section):
    """Statistics of a column over a window that ends with this row."""

    type: Literal["rolling"] = "rolling"
    column: str = "close"
    window: Annotated[int, Field(strict=True, ge=2)] = 20
    statistics: Annotated[tuple[Statistic, ...], Field(min_length=1)] = ("mean", "std")
    """`mean`, `std` (of a sample), `min`, `max`, `zscore`: how many `std` above the `mean`."""


class CalendarFeature(Section):
    """Where a time stands in its day, week, month or year, as sine and cosine of a circle."""

    type: Literal["calendar"] = "calendar"
    parts: Annotated[tuple[CalendarPart, ...], Field(min_length=1)] = ("weekday", "month")
    """`time_of_day`, `weekday`, `day_of_month`, `month`, `day_of_year`; two columns each."""


class MacdFeature(Section):
    """Moving average convergence / divergence: line, signal and histogram, as shares of the price.

    All averages are seeded with their first value.
    """

    type: Literal["macd"] = "macd"
    column: str = "close"
    fast: Positive = 12
    slow: Positive = 26
    signal: Positive = 9

    @model_validator(mode="after")
    def _fast_is_fast(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"fast = {self.fast} must be below slow = {self.slow}")
        return self


class BollingerFeature(Section):
    """Where the price is between its Bollinger bands (0 lower, 1 upper), and how wide they are."""

    type: Literal["bollinger"] = "bollinger"
    column: str = "close"
    window: Annotated[int, Field(strict=True, ge=2)] = 20
    deviations: PositiveFloat = 2.0


class _BarsFeature(Section):
    """What is made of whole bars."""

    high: str = "high"
    low: str = "low"
    close: str = "close"
    window: Positive = 14


class AtrFeature(_BarsFeature):
    """Average true range by Wilder's smoothing, as a share of the close."""

    type: Literal["atr"] = "atr"


class AdxFeature(_BarsFeature):
    """Wilder's directional movement: +DI, -DI and ADX, from 0 to 100."""

    type: Literal["adx"] = "adx"


class AroonFeature(Section):
    """How lately the highest and the lowest price of a window were, from 0 to 100."""

    type: Literal["aroon"] = "aroon"
    high: str = "high"
    low: str = "low"
    window: Positive = 14


class ObvFeature(Section):
    """The change of the on-balance volume over a window, as a share of all volume in it."""

    type: Literal["obv"] = "obv"
    column: str = "close"
    volume: str = "volume"
    window: Positive = 20


class CustomFeature(Section):
    """A function of the user's own: `function(frame, **settings)`; other keys are its settings.

    It is given the columns that it asks for as float64, oldest row first, indexed by time where
    rows have one, and returns as many rows. A value may use its own row and earlier ones, never a
    later one: a check tries that out before each training.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:function`."""
    columns: Annotated[Columns, Field(min_length=1)]
    """Of the source, which the function is given."""
    outputs: Annotated[Columns, Field(min_length=1)]
    """Names of the columns that it makes, in their order."""
    warm_up: Count = 0
    """Rows at the front for which it knows no value."""

    def settings(self) -> dict[str, Any]:
        """The arguments of the function besides the frame."""
        return dict(self.model_extra or {})


Feature = Annotated[
    Annotated[ColumnsFeature, Tag("columns")]
    | Annotated[ReturnsFeature, Tag("returns")]
    | Annotated[LagsFeature, Tag("lags")]
    | Annotated[SmaFeature, Tag("sma")]
    | Annotated[EmaFeature, Tag("ema")]
    | Annotated[RsiFeature, Tag("rsi")]
    | Annotated[VolatilityFeature, Tag("volatility")]
    | Annotated[RollingFeature, Tag("rolling")]
    | Annotated[CalendarFeature, Tag("calendar")]
    | Annotated[MacdFeature, Tag("macd")]
    | Annotated[BollingerFeature, Tag("bollinger")]
    | Annotated[AtrFeature, Tag("atr")]
    | Annotated[AdxFeature, Tag("adx")]
    | Annotated[AroonFeature, Tag("aroon")]
    | Annotated[ObvFeature, Tag("obv")]
    | Annotated[CustomFeature, Tag(CUSTOM)],
    by_type(
        "feature",
        (
            *("columns", "returns", "lags", "sma", "ema", "rsi", "volatility", "rolling"),
            *("calendar", "macd", "bollinger", "atr", "adx", "aroon", "obv"),
        ),
        custom=True,
    ),
]
