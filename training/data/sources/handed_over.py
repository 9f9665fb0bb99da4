"""A DataFrame that the calling Python code hands over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.data.sources.columns import chosen_columns
from training.data.sources.rows import Rows
from training.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from training.config.sources import FrameSource


def read_frame(source: FrameSource, frame: pd.DataFrame | None) -> Rows:
    """The rows of a DataFrame, whose index counts as a column if it holds times.

    Raises:
        DataError: none was handed over, or a column that was asked for is not there.
    """
    if frame is None:
        raise DataError(
            "data.source is a DataFrame, but none was handed over; give one to "
            "DataManager(config, frame=…), or name a csv or parquet source"
        )
    frame = index_as_column(frame)
    frame.columns = [str(name) for name in frame.columns]
    where = "the DataFrame"
    return Rows(frame[chosen_columns(list(frame.columns), source, where)], where)


def index_as_column(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows with index 0 … n - 1; an index of times becomes the first column."""
    import pandas as pd

    if not isinstance(frame.index, pd.DatetimeIndex):
        return frame.reset_index(drop=True)
    return frame.reset_index(names=str(frame.index.name or "time"))
