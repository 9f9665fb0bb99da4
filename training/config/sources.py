"""The section `data.source`: where rows come from."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from training.config.base import Count, PositiveFloat, Section
from training.config.choice import CUSTOM, by_type

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
    as_of: dt.datetime | dt.date | None = None
    """The table as it was known then: no row later than this. A source that keeps versions of its
    rows is told (`:as_of` in a query, `as_of_parameter`, an argument `as_of`)."""


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


class SqlSource(_Rows):
    """The rows of a query, in any database that SQLAlchemy has a driver for."""

    type: Literal["sql"] = "sql"
    url: str | None = None
    """`postgresql+psycopg://host/database`, `sqlite:///prices.db`; never with a password in it."""
    url_variable: str | None = None
    """Name of the environment variable that has the URL, in the place of `url`."""
    password_variable: str | None = None
    """Name of the environment variable that has the password."""
    query: str
    """One SELECT; what changes is written as `:name` and given in `parameters`."""
    parameters: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    """Values that are bound to the query; `:start`, `:end` and `:as_of` are those of this
    section."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        one_database(self.url, self.url_variable)
        return self


def one_database(url: str | None, url_variable: str | None) -> None:
    """Require one way to a database, and no password in it.

    Raises:
        ValueError: none or both are given, or there is one.
    """
    if (url is None) == (url_variable is None):
        raise ValueError("give one of url and url_variable")
    if url is not None and re.search(r"://[^/@:]*:[^/@]*@", url):
        raise PydanticCustomError(
            "password", "a password in a URL would be stored; name the environment variable "
            "that has it in password_variable, or that of the whole URL in url_variable"
        )  # fmt: skip


class HttpSource(_Rows):
    """CSV or JSON that a web service answers with."""

    type: Literal["http"] = "http"
    url: Annotated[str, Field(pattern=r"^https?://[^@]*$")]
    """Without user and password."""
    format: Literal["csv", "json"] = "csv"
    """`json`: a list of records, or an object of columns."""
    records: str | None = None
    """Where they are in the JSON, as `path.to.records`; null: it is nothing else."""
    separator: str = ","
    """What stands between two fields of CSV."""
    parameters: dict[str, str | int | float] = Field(default_factory=dict)
    """Of the query: `?name=value`."""
    start_parameter: str | None = None
    """Name of the parameter that `start` is sent as."""
    end_parameter: str | None = None
    """Name of the parameter that `end` is sent as, or `as_of`, where that is earlier."""
    as_of_parameter: str | None = None
    """Name of the parameter that `as_of` is sent as."""
    page_parameter: str | None = None
    """Name of the parameter with the number of the page: 1, 2, 3, … until one has no rows."""
    next_page: str | None = None
    """Where in the JSON the URL of the next page is, as `path.to.next`; none there: it was the
    last."""
    bearer_variable: str | None = None
    """Name of the environment variable with a token for `Authorization: Bearer`."""
    secret_headers: dict[str, str] = Field(default_factory=dict)
    """Names of headers, each with the environment variable that has its value."""
    secret_parameters: dict[str, str] = Field(default_factory=dict)
    """Names of parameters, each with the environment variable that has its value."""

    @model_validator(mode="after")
    def _one_way_to_page(self) -> Self:
        if self.page_parameter and self.next_page:
            raise ValueError("give one of page_parameter and next_page")
        if self.next_page and self.format != "json":
            raise ValueError("next_page is looked for in JSON; set format: json")
        return self

    retries: Count = 4
    """How often a request is sent again that got no answer, 429, or a server's error."""
    timeout_seconds: PositiveFloat = 30.0
    """Longest wait for an answer."""


class YfinanceSource(_Rows):
    """Prices from Yahoo Finance, through the package yfinance."""

    type: Literal["yfinance"] = "yfinance"
    symbol: str
    """`^GSPC`, `AAPL`, `EURUSD=X`."""
    interval: Literal["1m", "5m", "15m", "30m", "1h", "1d", "1wk", "1mo"] = "1d"
    """Length of a bar."""
    adjust: bool = True
    """Prices adjusted for splits and dividends."""


class CustomSource(_Rows):
    """A function of the user's own that gives a DataFrame; other keys are its arguments.

    `start`, `end`, `as_of` and `columns` are handed on to a function that has such arguments.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:function`."""

    def settings(self) -> dict[str, Any]:
        """The arguments of the function."""
        return dict(self.model_extra or {})


class NoSource(_Rows):
    """No table: for an agent whose environment needs none."""

    type: Literal["none"] = "none"

    @model_validator(mode="after")
    def _nothing_to_choose(self) -> Self:
        for name in sorted(self.model_fields_set - {"type"}):
            raise ValueError(f"there are no rows, so leave out {name!r}")
        return self


Source = Annotated[
    Annotated[SampleSource, Tag("sample")]
    | Annotated[CsvSource, Tag("csv")]
    | Annotated[ParquetSource, Tag("parquet")]
    | Annotated[FrameSource, Tag("dataframe")]
    | Annotated[SqlSource, Tag("sql")]
    | Annotated[HttpSource, Tag("http")]
    | Annotated[YfinanceSource, Tag("yfinance")]
    | Annotated[NoSource, Tag("none")]
    | Annotated[CustomSource, Tag(CUSTOM)],
    by_type(
        "data source",
        ("sample", "csv", "parquet", "dataframe", "sql", "http", "yfinance", "none"),
        custom=True,
    ),
]
