"""Prices from Yahoo Finance, through the package yfinance (an extra)."""

from __future__ import annotations

import datetime as dt
import warnings
from typing import TYPE_CHECKING

from training.data.sources.columns import chosen_columns
from training.data.sources.handed_over import index_as_column
from training.data.sources.rows import Rows
from training.data.window import Window
from training.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from training.config.sources import YfinanceSource

EARLIEST = dt.date(1900, 1, 1)
INSTALL = "pip install 'prefect-retrain[yfinance]'"


def read_yfinance(source: YfinanceSource) -> Rows:
    """Bars with the columns date, open, high, low, close, volume.

    Raises:
        DataError: the package is not installed, Yahoo gives nothing, or a column that was asked
            for is not there.
    """
    try:
        import yfinance
    except ImportError:
        raise DataError(
            f"yfinance {source.symbol}: needs the package 'yfinance', which is not installed; "
            f"install it with: {INSTALL}"
        ) from None
    where = f"yfinance {source.symbol}"
    start, end = _asked(Window.of(source))
    debug = yfinance.config.debug
    hidden, debug.hide_exceptions = debug.hide_exceptions, False
    try:
        with warnings.catch_warnings():
            # How yfinance calls pandas is nothing that a user could change.
            warnings.simplefilter("ignore", DeprecationWarning)
            found: pd.DataFrame = yfinance.Ticker(source.symbol).history(
                start=start, end=end, interval=source.interval,
                auto_adjust=source.adjust, actions=False,
            )  # fmt: skip
    except Exception as error:
        raise DataError(
            f"{where}: {type(error).__name__}: {error}; see data.source.symbol, interval and start"
        ) from error
    finally:
        debug.hide_exceptions = hidden
    if found.empty:
        raise DataError(f"{where}: gives no rows; see data.source.symbol, interval and start")
    frame = index_as_column(found.rename_axis("date"))
    frame.columns = [str(name).lower().replace(" ", "_") for name in frame.columns]
    if source.interval in {"1d", "1wk", "1mo"}:
        frame["date"] = frame["date"].dt.tz_localize(None)  # a day of the exchange, not a moment
    return Rows(frame[chosen_columns(list(frame.columns), source, where)], where)


def _asked(window: Window) -> tuple[dt.date, dt.date]:
    """First day, and the day after the last; a day to spare on either side for time zones."""
    first = window.first.date() - dt.timedelta(days=1) if window.first is not None else EARLIEST
    last = window.last.date() if window.last is not None else dt.datetime.now(dt.UTC).date()
    return first, last + dt.timedelta(days=2)
