"""The section `data.source`: where rows come from."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Tag

from training.config.base import Section
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
