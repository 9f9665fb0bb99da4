"""The moment that a retraining looks from: rows up to it, and never one after it."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from typing import TYPE_CHECKING, Literal

from training.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import RunConfig

Moment = dt.date | dt.datetime
Step = Literal["day", "week", "month"]

_MONTH = re.compile(r"(\d{4})-(\d{2})")


def parse_moment(text: str) -> Moment:
    """A date, a date with a time, or a month, which means its last day.

    Raises:
        InputError: it is none of them.
    """
    try:
        month = _MONTH.fullmatch(text)
        if month:
            return _month_end(int(month[1]), int(month[2]))
        if len(text) == len("2015-01-31"):
            return dt.date.fromisoformat(text)
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is no date; expected 2015-01-31, 2015-01 (the last day of the month), or "
            "2015-01-31T17:00"
        ) from None


def moments(first: str, last: str, step: Step) -> list[dt.date]:
    """Dates from one to another, both included where the steps meet them.

    Steps of a month that begin at a month's end stay at months' ends.

    Raises:
        InputError: not two dates, or the wrong way round.
    """
    start, end = (_date(parse_moment(text)) for text in (first, last))
    if end < start:
        raise InputError(f"from {start} to {end} is no time; give the earlier date first")
    found: list[dt.date] = []
    number, at = 0, start
    while at <= end:
        found.append(at)
        number += 1
        if step == "month":
            at = _months_after(start, number)
        else:
            at = start + number * dt.timedelta(days=7 if step == "week" else 1)
    return found


def asked_moments(
    as_of: str | None, first: str | None, last: str | None, step: Step
) -> Sequence[Moment | None]:
    """The moments that a command names; a single None where it names none.

    Raises:
        InputError: no dates, or both one moment and a series.
    """
    if first is None and last is None:
        return [None if as_of is None else parse_moment(as_of)]
    if first is None or last is None or as_of is not None:
        raise InputError("give either --as-of DATE, or both --from DATE and --to DATE")
    return moments(first, last, step)


def up_to(config: RunConfig, as_of: Moment | None) -> RunConfig:
    """The configuration, with a source that ends at the moment and begins where its window does."""
    if as_of is None:
        return config
    source = config.data.source
    end = as_of if source.end is None else earlier(as_of, source.end)
    start, days = source.start, config.retraining.window_days
    if days is not None:
        begin = _date(as_of) - dt.timedelta(days=days) + dt.timedelta(days=1)
        start = begin if start is None else max(begin, start, key=comparable)
    source = source.model_copy(update={"start": start, "end": end})
    data = config.data.model_copy(update={"source": source})
    return config.model_copy(update={"data": data})


def earlier(one: Moment, other: Moment) -> Moment:
    """The one that comes first; a date means the whole of that day."""
    return min(one, other, key=comparable)


def day_before(as_of: Moment) -> dt.date:
    """The last whole day before a moment."""
    return _date(as_of) - dt.timedelta(days=1)


def has_time(as_of: Moment) -> bool:
    """Whether it is a moment within a day."""
    return isinstance(as_of, dt.datetime) and as_of.time() != dt.time()


def weekday(as_of: Moment | None, slot: str | None) -> str:
    """The day of the week of a moment, else of the last bar; empty where neither is known."""
    if as_of is None and slot is None:
        return ""
    at = as_of or dt.datetime.fromisoformat(str(slot))
    return calendar.day_name[at.weekday()].lower()


def comparable(at: Moment) -> dt.datetime:
    """A date means the whole of that day; without a zone, UTC is meant."""
    if not isinstance(at, dt.datetime):
        return dt.datetime.combine(at, dt.time.max, dt.UTC)
    return at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at


def _date(at: Moment) -> dt.date:
    return at.date() if isinstance(at, dt.datetime) else at


def _month_end(year: int, month: int) -> dt.date:
    return dt.date(year, month, 1).replace(day=calendar.monthrange(year, month)[1])


def _months_after(start: dt.date, number: int) -> dt.date:
    year, month = divmod(start.year * 12 + start.month - 1 + number, 12)
    end = _month_end(year, month + 1)
    stays_at_end = start == _month_end(start.year, start.month)
    return end if stays_at_end else end.replace(day=min(start.day, end.day))
