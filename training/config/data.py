"""The section `data`: where rows come from and what becomes of them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, Tag

from training.config.base import NOT_IDENTITY, Count, Positive, Section, Share
from training.config.choice import by_type

Columns = tuple[str, ...]


class _Rows(Section):
    """What every source can be asked for."""

    time_column: str | None = None
    """Name of the column with the timestamps; found by itself when it is called
    date, time, timestamp or datetime. Rows without one are taken in their order."""
    columns: Columns | None = None
    """Read only these columns (the time column comes by itself). Default: all."""
    start: dt.datetime | dt.date | None = None
    """First timestamp that is read (included)."""
    end: dt.datetime | dt.date | None = None
    """Last timestamp that is read (included)."""


class SampleSource(_Rows):
    """Real daily prices that the package `arch` carries; nothing is downloaded."""

    type: Literal["sample"] = "sample"
    name: Literal["sp500", "nasdaq"] = "sp500"
    """`sp500` or `nasdaq`: 1999-01-04 to 2018-12-31."""


class CsvSource(_Rows):
    """CSV: a file, a folder of files, or a glob; compressed ones too."""

    type: Literal["csv"] = "csv"
    path: str
    """File, folder or glob, relative to the working directory; any fsspec URL."""
    separator: str = ","
    """What stands between two fields."""


class ParquetSource(_Rows):
    """Parquet: a file, a folder of files, or a glob."""

    type: Literal["parquet"] = "parquet"
    path: str
    """File, folder or glob, relative to the working directory; any fsspec URL."""


class FrameSource(_Rows):
    """A pandas DataFrame that the calling Python code hands over."""

    type: Literal["dataframe"] = "dataframe"


Source = Annotated[
    Annotated[SampleSource, Tag("sample")]
    | Annotated[CsvSource, Tag("csv")]
    | Annotated[ParquetSource, Tag("parquet")]
    | Annotated[FrameSource, Tag("dataframe")],
    by_type("data source", ("sample", "csv", "parquet", "dataframe")),
]


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


Feature = Annotated[
    Annotated[ColumnsFeature, Tag("columns")]
    | Annotated[ReturnsFeature, Tag("returns")]
    | Annotated[LagsFeature, Tag("lags")]
    | Annotated[SmaFeature, Tag("sma")]
    | Annotated[EmaFeature, Tag("ema")]
    | Annotated[RsiFeature, Tag("rsi")]
    | Annotated[VolatilityFeature, Tag("volatility")],
    by_type("feature", ("columns", "returns", "lags", "sma", "ema", "rsi", "volatility")),
]


class DirectionTarget(Section):
    """1 where the price is higher `horizon` bars later, else 0."""

    type: Literal["direction"] = "direction"
    column: str = "close"
    horizon: Positive = 1


class ReturnTarget(Section):
    """The log return of the next `horizon` bars."""

    type: Literal["return"] = "return"
    column: str = "close"
    horizon: Positive = 1


class ColumnTarget(Section):
    """A column of the source as it is, known at the same row as the features."""

    type: Literal["column"] = "column"
    column: str
    task: Literal["binary", "multiclass", "regression"] = "regression"
    """`binary` wants 0 and 1, `multiclass` wants 0, 1, 2, …"""


Target = Annotated[
    Annotated[DirectionTarget, Tag("direction")]
    | Annotated[ReturnTarget, Tag("return")]
    | Annotated[ColumnTarget, Tag("column")],
    by_type("target", ("direction", "return", "column")),
]


class SplitConfig(Section):
    """Shares of the rows, in their order: training first, then validation, then test."""

    validation: Share = 0.15
    test: Share = 0.15


class DataConfig(Section):
    """Where rows come from, and how they become features, targets and parts."""

    source: Source = SampleSource()
    """Where the rows come from."""
    features: tuple[Feature, ...] = (ReturnsFeature(lags=5), RsiFeature())
    """What the model sees, computed from this row and the rows before it."""
    target: Target = DirectionTarget()
    """What the model learns to say."""
    split: SplitConfig = SplitConfig()
    """How much is held out."""
    scaler: Literal["standard", "minmax", "robust", "none"] = "standard"
    """How features are scaled, fitted on the training part alone."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of features, targets and weights."""
    min_rows: Count = 20
    """Fewer rows than this after features and target is an error."""
    on_duplicates: Literal["error", "last"] = Field(
        default="error", description="Two rows with one timestamp: refuse, or keep the last."
    )
    on_missing: Literal["error", "drop"] = "error"
    """A missing value in a column that is used: refuse, or drop the row."""
    check_rows: Count = Field(
        default=10,
        description="How many of the offending rows an error message shows.",
        json_schema_extra=NOT_IDENTITY,
    )
