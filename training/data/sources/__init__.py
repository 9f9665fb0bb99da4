"""Where rows come from: one file for each kind. A source reads; the checks say what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.config.sources import CsvSource, ParquetSource, SampleSource
from training.data.sources.csv_files import read_csv_files
from training.data.sources.handed_over import read_frame
from training.data.sources.parquet_files import read_parquet_files
from training.data.sources.rows import Rows
from training.data.sources.sample import read_sample

if TYPE_CHECKING:
    import pandas as pd

    from training.config.sources import Source

__all__ = ["Rows", "read_rows"]


def read_rows(source: Source, frame: pd.DataFrame | None = None) -> Rows:
    """The rows of a source.

    Args:
        source: which.
        frame: what the caller handed over, for a source of type `dataframe`.

    Raises:
        DataError: not there, not readable, or a column that was asked for is missing.
    """
    if isinstance(source, SampleSource):
        return read_sample(source)
    if isinstance(source, CsvSource):
        return read_csv_files(source)
    if isinstance(source, ParquetSource):
        return read_parquet_files(source)
    return read_frame(source, frame)
