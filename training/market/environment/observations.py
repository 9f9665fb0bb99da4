"""What agents see: their account, and a window of features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

if TYPE_CHECKING:
    from training.config.trading import AccountFact, TradingConfig
    from training.market.environment.market import Market
    from training.market.environment.portfolio import Portfolio
    from training.types import Array

BY_SYMBOL = {"position", "unrealised"}


class Observations:
    """Rows of float32: the account first, then the window, its oldest row first.

    A window is a contiguous stretch of the features, so it is copied at once. The account's places
    lie in front of it, over numbers of earlier rows, which it replaces.

    Attributes:
        space: of one environment's observations.
    """

    def __init__(self, market: Market, config: TradingConfig) -> None:
        """Lay the windows over the features."""
        seen = config.observation
        self._account, self._clip = seen.account, seen.clip
        self._close, self._lead = market.close, seen.window - 1
        features = market.features
        if seen.clip is not None:
            features = np.clip(features, -np.float32(seen.clip), np.float32(seen.clip))
        width = sum(market.symbols if fact in BY_SYMBOL else 1 for fact in seen.account)
        self._windows = _windows(features, seen.window, width)
        size, limit = self._windows.shape[1], seen.clip or float(np.finfo(np.float32).max)
        self.space = spaces.Box(-limit, limit, (size,), np.float32)

    def at(self, bar: Array, portfolio: Portfolio) -> Array:
        """What is seen at the close of each environment's bar, shape (environments, size)."""
        seen: Array = self._windows[bar - self._lead]
        place = 0
        for fact in self._account:
            values = self._fact(fact, bar, portfolio)
            if self._clip is not None:
                values = np.clip(values, -self._clip, self._clip)
            seen[:, place : place + values.shape[1]] = values
            place += values.shape[1]
        return seen

    def _fact(self, fact: AccountFact, bar: Array, portfolio: Portfolio) -> Array:
        """Shape (environments, 1 or symbols)."""
        if fact == "position":
            return portfolio.weights
        if fact == "cash":
            return portfolio.cash_share()[:, np.newaxis]
        if fact == "drawdown":
            return portfolio.drawdown()[:, np.newaxis]
        return portfolio.unrealised(self._close.take(bar, axis=0))


def _windows(features: Array, window: int, front: int) -> Array:
    """A view of shape (rows - window + 1, front + window · inputs), rows overlapping."""
    inputs = features.shape[1]
    flat = np.concatenate([np.zeros(front, dtype=np.float32), features.ravel()])
    spans = np.lib.stride_tricks.sliding_window_view(flat, front + window * inputs)
    return spans[::inputs]
