"""Schemas as a user writes them, with pandera."""

from __future__ import annotations

import pandera.pandas as pa

BARS = pa.DataFrameSchema(
    {
        "close": pa.Column(float, pa.Check.less_than(1_000)),
        "volume": pa.Column(float, pa.Check.greater_than(0)),
    }
)
NO_SCHEMA = len


class Bars(pa.DataFrameModel):  # type: ignore[misc] # of an extra, which is not looked into
    """The same in the form of a class."""

    close: float = pa.Field(lt=1_000)
    volume: float = pa.Field(gt=0)
