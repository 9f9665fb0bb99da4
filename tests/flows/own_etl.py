"""A transform of the user's own, as the configuration of a test names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def momentum(frame: pd.DataFrame, days: int) -> pd.DataFrame:
    """The closing prices, and how far each is above that of some days before."""
    made = frame[["date", "close"]].assign(momentum=frame["close"].pct_change(days))
    return made.dropna().reset_index(drop=True)
