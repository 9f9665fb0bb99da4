"""Prices and costs as tables, from which the rows of many environments are picked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.config.costs import FixedSlippage, ProportionalCommission, UnitCommission
from training.errors import ConfigError

if TYPE_CHECKING:
    from training.config.trading import TradingConfig
    from training.market.environment.market import Market
    from training.types import Array

BASIS_POINTS = 10_000
DEAREST = 0.5


class Prices:
    """What each bar costs, shape (rows, symbols) each.

    Attributes:
        per_unit: commission on each unit, in the currency of the prices.
        borrow_rate: what a bar costs, as a share of what is borrowed.
    """

    def __init__(self, market: Market, config: TradingConfig) -> None:
        """Make the tables.

        Raises:
            ConfigError: costs that no trade could pay, or a borrow rate without bars per year.
        """
        commission = config.costs.commission
        self.per_unit = commission.amount if isinstance(commission, UnitCommission) else 0.0
        self.borrow_rate = _a_bar(config.costs.borrow_rate, market.bars_per_year)
        self._market = market
        self._share = np.ascontiguousarray(_share(market, config))
        self._at_open = self._share + self.per_unit / market.open
        dearest = float(self._at_open.max()) * max(config.limits.gross, 1.0)
        if dearest >= DEAREST:
            raise ConfigError(
                f"costs: a trade would cost {dearest:.0%} of the equity; expected less than half. "
                "bps are hundredths of a per cent, and per_unit is in the currency of the prices"
            )

    def open(self, bar: Array) -> Array:
        """Of each environment's bar, as the rest: shape (environments, symbols)."""
        return self._market.open.take(bar, axis=0)

    def high(self, bar: Array) -> Array:
        """The highest price."""
        return self._market.high.take(bar, axis=0)

    def low(self, bar: Array) -> Array:
        """The lowest price."""
        return self._market.low.take(bar, axis=0)

    def close(self, bar: Array) -> Array:
        """The last price."""
        return self._market.close.take(bar, axis=0)

    def cost_at_open(self, bar: Array) -> Array:
        """What a trade at the open costs, as a share of its value."""
        return self._at_open.take(bar, axis=0)

    def cost(self, bar: Array, units: Array, price: Array) -> Array:
        """What it costs to trade so many units (no sign) at a price inside the bar."""
        paid: Array = units * (price * self._share.take(bar, axis=0) + self.per_unit)
        return paid


def _share(market: Market, config: TradingConfig) -> Array:
    """Commission, half the spread and slippage, as a share of the traded value."""
    costs = config.costs
    commission = costs.commission
    fixed = costs.spread_bps / 2
    if isinstance(commission, ProportionalCommission):
        fixed += commission.bps
    if isinstance(costs.slippage, FixedSlippage):
        return np.full_like(market.open, (fixed + costs.slippage.bps) / BASIS_POINTS)
    span = (market.high - market.low) / market.open
    share: Array = fixed / BASIS_POINTS + costs.slippage.share * span
    return share


def _a_bar(yearly: float, bars_per_year: float | None) -> float:
    if not yearly:
        return 0.0
    if bars_per_year is None:
        raise ConfigError(
            f"costs.borrow_rate is {yearly} a year, but how many bars a year has is not known; "
            "give the market bars_per_year, or set costs.borrow_rate to 0"
        )
    return yearly / bars_per_year
