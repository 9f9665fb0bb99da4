"""The bars of a part, as a market that is traded in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import ConfigError, DataError

if TYPE_CHECKING:
    from training.data.dataset import Part
    from training.data.table import Table
    from training.market.environment import Market
    from training.types import Array

PRICES = ("open", "high", "low", "close")
MOST_BEFORE = 250


def market_of(part: Part, table: Table, window: int, bars_per_year: float | None) -> Market:
    """The bars of a part, with those before it that its first window looks back at.

    Raises:
        ConfigError: the target is no price, or there are several symbols.
        DataError: rows that do not follow one another, or prices that cannot be.
    """
    from training.market.environment import Market

    prices = part.prices
    if prices is None or len(prices.symbols) > 1:
        raise ConfigError(
            "an agent trades the price of one symbol that data.target is made of; set "
            "data.target.type: direction (or leave it out), and leave out data.symbol_column"
        )
    if not isinstance(prices.at, slice):
        raise DataError(
            "an agent trades bars that follow one another, and this split leaves gaps; set "
            "data.split.type: share, date or walk_forward"
        )
    rows = slice(prices.at.start - window + 1, prices.at.stop)
    features = np.concatenate([part.x[0], part.x[1:, -1]]).astype(np.float32)
    times = table.times
    times = np.arange(rows.start, rows.stop) if times is None else times[rows]
    close = np.asarray(prices.close[rows], np.float64)[:, np.newaxis]
    bars = {name: _column(table, name, rows) for name in PRICES if name in table.frame.columns}
    if len(bars) < len(PRICES) or not np.array_equal(bars["close"], close):
        return Market.of_closes(features, close, times, bars_per_year)
    return Market(features=features, times=times, bars_per_year=bars_per_year, **bars)


def _column(table: Table, name: str, rows: slice) -> Any:  # noqa: ANN401 - an array
    try:
        return table.frame[name].iloc[rows].to_numpy(dtype="float64")[:, np.newaxis]
    except (TypeError, ValueError) as error:
        raise DataError(
            f"column {name!r} is to be traded, and is not of numbers: {error}"
        ) from None


def closes_before(part: Part, window: int) -> Array:
    """Closes before the first bar of such a market, the newest last, shape (bars, 1)."""
    prices = part.prices
    assert prices is not None  # noqa: S101 - `market_of` has refused it
    assert isinstance(prices.at, slice)  # noqa: S101 - as above
    first = prices.at.start - window + 1
    closes = np.asarray(prices.close[max(0, first - MOST_BEFORE) : first], np.float64)
    return closes[:, np.newaxis]
