"""What agents see: their account, and a window of features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

if TYPE_CHECKING:
    from training.config.trading import TradingConfig
    from training.market.environment.market import Market
    from training.market.environment.portfolio import Portfolio
    from training.types import Array


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
        limit = np.float32(seen.clip or np.finfo(np.float32).max)
        features = market.features
        if seen.clip is not None:
            features = np.clip(features, -limit, limit)
        self._account, self._limit = seen.account, limit
        self._close, self._lead = market.close, seen.window - 1
        self._width = len(self._names(market.symbols))
        self._windows = _windows(features, seen.window, self._width)
        size = self._windows.shape[1]
        self.space = spaces.Box(-limit, limit, (size,), np.float32)

    def at(self, bar: Array, portfolio: Portfolio) -> Array:
        """What is seen at the close of each environment's bar, shape (environments, size)."""
        seen: Array = self._windows[bar - self._lead]
        if self._width:
            facts = self._facts(self._close.take(bar, axis=0), portfolio)
            np.clip(
                facts, -self._limit, self._limit, out=seen[:, : self._width], casting="same_kind"
            )
        return seen

    def _facts(self, close: Array, portfolio: Portfolio) -> Array:
        found: list[Array] = []
        for fact in self._account:
            if fact == "position":
                found.append(portfolio.weights(close))
            elif fact == "cash":
                found.append((portfolio.cash / portfolio.solid())[:, np.newaxis])
            elif fact == "unrealised":
                found.append(portfolio.unrealised(close))
            else:
                found.append(portfolio.drawdown()[:, np.newaxis])
        return np.concatenate(found, axis=1)

    def _names(self, symbols: int) -> list[str]:
        """One name for each number of the account."""
        many = {"position", "unrealised"}
        return [fact for fact in self._account for _ in range(symbols if fact in many else 1)]


def _windows(features: Array, window: int, front: int) -> Array:
    """A view of shape (rows - window + 1, front + window · inputs), rows overlapping."""
    inputs = features.shape[1]
    flat = np.concatenate([np.zeros(front, dtype=np.float32), features.ravel()])
    spans = np.lib.stride_tricks.sliding_window_view(flat, front + window * inputs)
    return spans[::inputs]
