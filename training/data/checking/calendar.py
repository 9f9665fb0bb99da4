"""The days on which an exchange was open, from the package exchange_calendars."""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from training.types import Array


def trading_days(times: pd.Series[Any], exchange: str, *, daily: bool) -> tuple[Array, Array]:
    """The day of each row at the exchange, and the days on which it was open meanwhile.

    Args:
        times: of the rows, in order; in UTC where a zone is known, else the exchange's own.
        exchange: its code (ISO 10383), such as `XNYS`.
        daily: whether a row stands for a day, whose date is the exchange's as it is written.

    Returns:
        Both as datetime64[D].

    Raises:
        DataError: there is no such exchange, or the package is not installed.
    """
    try:
        import exchange_calendars as known
    except ImportError:
        raise DataError(
            f"calendar {exchange!r} needs the package exchange_calendars: "
            "pip install 'prefect-retrain[calendars]'"
        ) from None
    if exchange not in known.get_calendar_names():
        near = ", ".join(get_close_matches(exchange, known.get_calendar_names()))
        raise DataError(f"calendar: there is no exchange {exchange!r}; near it: {near or 'none'}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package calls what pandas 3 deprecates
        zone = known.get_calendar(exchange).tz
        local = times if daily or times.dt.tz is None else times.dt.tz_convert(zone)
        days = local.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
        first, last = str(days[0]), str(days[-1])
        calendar = known.get_calendar(exchange, start=first, end=str(days[-1] + 1))
        sessions = calendar.sessions_in_range(first, last).to_numpy()
    return days, np.asarray(sessions.astype("datetime64[D]"))
