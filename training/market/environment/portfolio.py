"""The accounts of many environments: cash, units, and what a bar does to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.market.environment.exits import Span, find_exits
from training.market.environment.orders import values_after, within
from training.market.environment.outcome import Outcome
from training.market.environment.prices import Prices
from training.market.environment.totals import total

if TYPE_CHECKING:
    from training.config.trading import TradingConfig
    from training.market.environment.actions import Actions
    from training.market.environment.market import Market
    from training.types import Array

MEMORY = ("units", "weights", "chosen", "entry", "cash", "equity", "peak")
SMALLEST = 1e-6


class Portfolio:
    """One account for each environment; arrays are replaced, never written into.

    Attributes:
        units: of each symbol, negative when short, shape (environments, symbols).
        weights: value of each position at the last close as a share of the equity.
        chosen: weights that were asked for last; 0 after a stop or a target closed the position.
        entry: what a unit was worth when the position was entered, on average, without costs.
        cash: below zero when borrowed, shape (environments,).
        equity: cash and positions at the last close, shape (environments,).
        peak: the highest equity of the episode, shape (environments,).
    """

    def __init__(
        self, market: Market, config: TradingConfig, actions: Actions, environments: int
    ) -> None:
        """Begin with cash alone."""
        self._prices = Prices(market, config)
        self._config, self._actions = config, actions
        self._exits = config.stop_loss is not None or config.take_profit is not None
        self._enters = self._exits or "unrealised" in config.observation.account
        self._shares_limit = market.symbols > 1
        self._floor = config.initial_cash * max(config.ruin, SMALLEST)
        self._shape = (environments, market.symbols)
        self.clear(np.ones(environments, dtype=bool))

    def clear(self, which: Array) -> None:
        """Begin again with cash alone where it is said."""
        if which.all():
            self.units = self.weights = self.chosen = np.zeros(self._shape)
            self.entry = np.ones(self._shape)
            self.cash = np.full(self._shape[0], self._config.initial_cash)
            self.equity = self.peak = self.cash
            return
        rows, cash = which[:, np.newaxis], self._config.initial_cash
        self.units, self.weights, self.chosen = (
            np.where(rows, 0.0, values) for values in (self.units, self.weights, self.chosen)
        )
        self.entry = np.where(rows, 1.0, self.entry)
        self.cash, self.equity, self.peak = (
            np.where(which, cash, values) for values in (self.cash, self.equity, self.peak)
        )

    def advance(self, targets: Array, bar: Array) -> Outcome:
        """Trade at the bar's open, look for exits in its range, and mark at its close.

        Args:
            targets: wanted weights, shape (environments, symbols).
            bar: the row of each environment, shape (environments,).
        """
        before, opened = self.equity, self._prices.open(bar)
        traded, costs = self._trade(targets, bar, opened)
        self._carried = self.units, self.cash
        if self._exits:
            closed, closing = self._close(bar, opened)
            traded, costs = traded + closed, costs + closing
        return self._mark(bar, before, traded, costs)

    def carried(self, bar: Array) -> Array:
        """Weights in the bar of the last `advance`, at its open when all was traded.

        What a stop or a target closed later in the bar is among them.
        """
        units, cash = self._carried
        values = units * self._prices.open(bar)
        equity = np.maximum(cash + total(values), self._floor)
        weights: Array = values / equity[:, np.newaxis]
        return weights

    def unrealised(self, close: Array) -> Array:
        """What each position has gained since it was entered, as a share of the entry price."""
        gained: Array = np.sign(self.units) * (close / self.entry - 1.0)
        return gained

    def cash_share(self) -> Array:
        """Cash as a share of the equity, shape (environments,)."""
        share: Array = self.cash / self._solid()
        return share

    def drawdown(self) -> Array:
        """How far the equity is below its highest, from 0 to 1, shape (environments,)."""
        below: Array = 1.0 - np.maximum(self.equity, 0.0) / self.peak
        return below

    def state_dict(self) -> dict[str, Any]:
        """A copy of all accounts."""
        return {name: getattr(self, name).copy() for name in MEMORY}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with those accounts."""
        for name in MEMORY:
            setattr(self, name, np.array(state[name], dtype=np.float64))

    def _solid(self) -> Array:
        """The equity, but what is nearly nothing is not divided by."""
        solid: Array = np.maximum(self.equity, self._floor)
        return solid

    def _trade(self, targets: Array, bar: Array, price: Array) -> tuple[Array, Array]:
        """Value traded at the open and what that cost, shape (environments,) each."""
        held = self.units * price
        equity = np.maximum(self.cash + total(held), 0.0)
        moved = self._moved(targets, held, equity)
        self.chosen = targets
        if not moved.any():
            return np.zeros(len(bar)), np.zeros(len(bar))
        rate = self._prices.cost_at_open(bar)
        if self._shares_limit:
            gross = self._config.limits.gross
            targets = within(targets, moved, held, equity, rate, gross)
        wanted = values_after(targets, moved, held, equity, rate)
        units = np.where(moved, wanted / price, self.units)
        bought = (units - self.units) * price
        traded = np.abs(bought)
        costs = traded * rate
        self.cash = self.cash - total(bought + costs)
        if self._enters:
            self._enter(units, price)
        self.units = units
        return total(traded), total(costs)

    def _moved(self, targets: Array, held: Array, equity: Array) -> Array:
        """Which positions are traded: chosen anew, or drifted too far."""
        rebalance = self._actions.rebalance
        anew: Array = targets != self.chosen
        if rebalance is None:
            return anew
        whole = equity[:, np.newaxis]
        drifted: Array = np.abs(targets * whole - held) > rebalance * whole
        return drifted | anew if self._actions.repeats else drifted

    def _enter(self, units: Array, price: Array) -> None:
        """An enlarged position has the mean of its entry prices, a new one the price."""
        before = self.units
        same = before * units > 0
        grown = np.divide(
            units - before, units, out=np.zeros_like(units), where=np.abs(units) > np.abs(before)
        )
        self.entry = np.where(same, self.entry + grown * (price - self.entry), price)

    def _close(self, bar: Array, opened: Array) -> tuple[Array, Array]:
        """Value that stops and targets closed and what that cost, shape (environments,) each."""
        config, prices = self._config, self._prices
        span = Span(opened, prices.high(bar), prices.low(bar))
        closed, price = find_exits(
            self.units, self.entry, span, config.stop_loss, config.take_profit
        )
        if not closed.any():
            return np.zeros(len(bar)), np.zeros(len(bar))
        units = np.where(closed, self.units, 0.0)
        traded = np.abs(units)
        costs = prices.cost(bar, traded, price)
        self.cash = self.cash + total(units * price - costs)
        self.units = np.where(closed, 0.0, self.units)
        self.chosen = np.where(closed, 0.0, self.chosen)
        return total(traded * price), total(costs)

    def _mark(self, bar: Array, before: Array, traded: Array, costs: Array) -> Outcome:
        values = self.units * self._prices.close(bar)
        if self._prices.borrow_rate:
            owed = total(np.minimum(values, 0.0)) + np.minimum(self.cash, 0.0)
            fee = owed * -self._prices.borrow_rate
            self.cash, costs = self.cash - fee, costs + fee
        self.equity = self.cash + total(values)
        self.peak = np.maximum(self.peak, self.equity)
        self.weights = values / self._solid()[:, np.newaxis]
        return Outcome(before, self.equity, self.peak, self.weights, traded, costs)
