"""The stretch of time that a source is asked for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from training.config.sources import Source


@dataclass(frozen=True, slots=True)
class Window:
    """First and last time that are read, both included, in UTC without saying so.

    A bound without a time zone is meant as the table's times are written. A last one at midnight
    is a date, and means the whole of that day.
    """

    first: pd.Timestamp | None
    last: pd.Timestamp | None

    @classmethod
    def of(cls, source: Source) -> Window:
        """What `start`, `end` and `as_of` of a source mean."""
        last = last_of(source)
        return cls(bound(source.start), None if last is None else _end_of(last))

    @property
    def is_open(self) -> bool:
        """Whether nothing was asked for."""
        return self.first is None and self.last is None

    def holds(self, times: pd.Series[Any]) -> NDArray[np.bool_]:
        """Which of the times are within it.

        Args:
            times: in UTC where they have a time zone.
        """
        plain = times.dt.tz_localize(None).to_numpy()
        within = np.ones(len(plain), dtype=bool)
        if self.first is not None:
            within &= plain >= self.first.to_datetime64()
        if self.last is not None:
            within &= plain <= self.last.to_datetime64()
        return within

    def __str__(self) -> str:
        return f"{self.first or 'the first'} to {self.last or 'the last'}"


def last_of(source: Source) -> dt.datetime | dt.date | None:
    """The earlier one of `end` and `as_of`, as it is written."""
    given = [at for at in (source.end, source.as_of) if at is not None]
    return min(given, key=_end_of, default=None)


def _end_of(given: dt.date) -> pd.Timestamp:
    """A last time; of a date the end of the day."""
    import pandas as pd

    last = _in_utc(given)
    if last == last.normalize():
        last += pd.Timedelta(days=1) - pd.Timedelta(nanoseconds=1)
    return last


def written(given: dt.datetime | dt.date | None) -> str | None:
    """A time of a configuration in ISO 8601; midnight without a zone is a date."""
    if isinstance(given, dt.datetime):
        is_date = given.tzinfo is None and given.time() == dt.time()
        return (given.date() if is_date else given).isoformat()
    return None if given is None else given.isoformat()


def bound(given: dt.datetime | dt.date | None) -> pd.Timestamp | None:
    """A time of a configuration, in UTC without saying so, within what nanoseconds can count."""
    return None if given is None else _in_utc(given)


def _in_utc(given: dt.date) -> pd.Timestamp:
    import pandas as pd

    at = pd.Timestamp(given)
    at = at.tz_convert("UTC").tz_localize(None) if at.tzinfo is not None else at
    earliest, latest = pd.Timestamp.min, pd.Timestamp.max  # of what nanoseconds can count
    return min(max(at, earliest), latest).as_unit("ns")
