"""Sources as users write them; a configuration names them."""

from __future__ import annotations

import numpy as np
import pandas as pd


def prices(rows: int, start: object = None, columns: object = None) -> pd.DataFrame:
    """Told of the window and of the columns that are wanted."""
    close = 100 + np.random.default_rng(1).normal(size=rows)
    frame = pd.DataFrame({"close": close}, index=pd.date_range("2024-01-01", periods=rows))
    return frame.assign(asked=f"{start} {columns}")


def failing() -> pd.DataFrame:
    """Not there today."""
    raise ConnectionError("no line")


def nothing() -> None:
    """Forgot to return."""
