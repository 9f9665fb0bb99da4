"""Where rows come from: one file for each kind. A source reads; the checks say what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.config import sources as kinds
from training.data.sources.csv_files import read_csv_files
from training.data.sources.custom import read_custom
from training.data.sources.handed_over import read_frame
from training.data.sources.http import read_http
from training.data.sources.nothing import read_nothing
from training.data.sources.parquet_files import read_parquet_files
from training.data.sources.rows import Rows
from training.data.sources.sample import read_sample
from training.data.sources.sql import read_sql
from training.data.sources.yahoo import read_yfinance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pandas as pd

__all__ = ["Rows", "read_rows"]

READERS: dict[type[Any], Callable[[Any], Rows]] = {
    kinds.SampleSource: read_sample,
    kinds.CsvSource: read_csv_files,
    kinds.ParquetSource: read_parquet_files,
    kinds.SqlSource: read_sql,
    kinds.HttpSource: read_http,
    kinds.YfinanceSource: read_yfinance,
    kinds.NoSource: read_nothing,
}


def read_rows(
    source: kinds.Source,
    frame: pd.DataFrame | None = None,
    trusted: Collection[str] | None = None,
) -> Rows:
    """The rows of a source.

    Args:
        source: which.
        frame: what the caller handed over, for a source of type `dataframe`.
        trusted: modules that `module:function` may name; None: all.

    Raises:
        DataError: not there, not readable, or a column that was asked for is missing.
        ConfigError: a function that is not trusted, or not there.
    """
    if isinstance(source, kinds.FrameSource):
        return read_frame(source, frame)
    if isinstance(source, kinds.CustomSource):
        return read_custom(source, trusted)
    return READERS[type(source)](source)
