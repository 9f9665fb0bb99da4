"""A table as it was loaded: checked, in order of time, with a fingerprint of its values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from blake3 import blake3

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Table:
    """What a source gave.

    Attributes:
        frame: rows in order of time, index 0 … n - 1.
        time: the name of the time column; None: rows have no time.
        fingerprint: digest of the values, whatever they came from.
        description: plain values for a person: rows, first, last, columns, source.
    """

    frame: pd.DataFrame
    time: str | None
    fingerprint: str
    description: dict[str, Any] = field(default_factory=dict)


def fingerprint(frame: pd.DataFrame) -> str:
    """Digest of a table's values and column names.

    Numbers count as float64, times as UTC nanoseconds, text as UTF-8: the same table from CSV,
    Parquet and a DataFrame has the same fingerprint.
    """
    digest = blake3(f"{len(frame)} rows".encode())
    for name in frame.columns:
        digest.update(f"\0{name}\0".encode())
        digest.update(_canonical(frame[name]))
    return f"blake3:{digest.hexdigest()}"


def _canonical(column: pd.Series[Any]) -> bytes:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        utc = pd.to_datetime(column, utc=True).dt.tz_localize(None)
        return utc.astype("datetime64[ns]").to_numpy().astype("<i8").tobytes()
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype="<f8", na_value=np.nan) + 0.0  # -0.0 becomes 0.0
        numbers[np.isnan(numbers)] = np.nan  # one bit pattern for all
        return numbers.tobytes()
    texts = [
        "\1" if missing else str(value)
        for value, missing in zip(column, column.isna(), strict=True)
    ]
    return "".join(f"{len(text)}:{text}" for text in texts).encode("utf-8", "surrogatepass")
