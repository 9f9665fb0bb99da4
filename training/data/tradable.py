"""The bars of a part, as a market that is traded in."""

from __future__ import annotations

import logging
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from training.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.data.dataset import Part, Prices
    from training.data.table import Table
    from training.market.environment import Market
    from training.types import Array

PRICES = ("open", "high", "low", "close")
MOST_BEFORE = 250

logger = logging.getLogger(__name__)


class _Series(NamedTuple):
    """What a part has of one symbol.

    Attributes:
        stretch: all rows of the symbol in the table.
        rows: in the table, those of the part and those that its first window looks back at.
        places: of the part's own rows among the rows of the part.
    """

    stretch: slice
    rows: Array
    places: Array


def market_of(part: Part, table: Table, window: int, bars_per_year: float | None) -> Market:
    """The bars of a part, with those before it that its first window looks back at.

    Of several symbols those bars that all of them have; features stand a symbol after the other, in
    the order of their names.

    Raises:
        ConfigError: the target is no price.
        DataError: rows that do not follow one another, symbols with too few bars in common, or
            prices that cannot be.
    """
    from training.market.environment import Market

    series = _series_of(part, window)
    rows = _in_common([one.rows for one in series], table)
    _check_enough(rows, series, window)
    features = [
        np.concatenate([part.x[one.places[0]], part.x[one.places[1:], -1]])[own - one.rows[0]]
        for one, own in zip(series, rows.T, strict=True)
    ]
    seen = np.concatenate(features, axis=1).astype(np.float32)
    times = rows[:, 0] if table.times is None else table.times[rows[:, 0]]
    close = np.asarray(_prices(part).close[rows], np.float64)
    bars = {name: _column(table, name, rows) for name in PRICES if name in table.frame.columns}
    if len(bars) < len(PRICES) or not np.array_equal(bars["close"], close):
        return Market.of_closes(seen, close, times, bars_per_year)
    return Market(features=seen, times=times, bars_per_year=bars_per_year, **bars)


def closes_before(part: Part, table: Table, window: int) -> Array:
    """Closes before the first bar of such a market, the newest last, shape (bars, symbols)."""
    series = _series_of(part, window)
    first = _in_common([one.rows for one in series], table)[0]
    before = [np.arange(one.stretch.start, row) for one, row in zip(series, first, strict=True)]
    rows = _in_common(before, table)[-MOST_BEFORE:]
    return np.asarray(_prices(part).close[rows], np.float64)


def _prices(part: Part) -> Prices:
    if part.prices is None:
        raise ConfigError(
            "an agent trades the price that data.target is made of, and this target is made of "
            "none; set data.target.type: direction, or leave it out"
        )
    return part.prices


def _series_of(part: Part, window: int) -> list[_Series]:
    """Of each symbol, its bars of a part."""
    prices = _prices(part)
    at = prices.at if not isinstance(prices.at, slice) else np.arange(len(part.x)) + prices.at.start
    found = []
    for stretch in prices.symbols:
        places = np.flatnonzero((at >= stretch.start) & (at < stretch.stop))
        own = at[places]
        if (np.diff(own) != 1).any():
            raise DataError(
                "an agent trades bars that follow one another, and this split leaves gaps; set "
                "data.split.type: share, date or walk_forward"
            )
        if len(own):
            own = np.arange(own[0] - window + 1, own[-1] + 1)
        found.append(_Series(stretch, own, places))
    return found


def _in_common(rows: Sequence[Array], table: Table) -> Array:
    """Rows of the table at the times that all symbols have, shape (bars, symbols)."""
    times = table.times
    if len(rows) == 1 or times is None:
        return np.stack(rows, axis=1)
    common = reduce(np.intersect1d, [times[own] for own in rows])
    return np.stack([own[np.isin(times[own], common)] for own in rows], axis=1)


def _check_enough(rows: Array, series: Sequence[_Series], window: int) -> None:
    """Accept as many bars as one step takes, and say which were left out."""
    bars, most = len(rows), max(len(one.rows) for one in series)
    if bars <= window:
        raise DataError(
            f"a part has {bars} bars of all its {len(series)} symbol(s) together; expected more "
            f"than the {window} of an observation: leave out a symbol that begins late or ends "
            "early, or change data.split"
        )
    if bars < most:
        logger.warning("%d of %d bars are left out: not all symbols have them", most - bars, most)


def _column(table: Table, name: str, rows: Array) -> Array:
    try:
        values: Array = table.frame[name].to_numpy(dtype="float64")
    except (TypeError, ValueError) as error:
        raise DataError(
            f"column {name!r} is to be traded, and is not of numbers: {error}"
        ) from None
    return values[rows]
