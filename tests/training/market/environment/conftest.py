"""What tests of the environment share: markets, and a way to run one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.config.trading import TradingConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.market.environment import Ledger, Market

    MakeMarket = Callable[..., Market]
    Run = Callable[..., Ledger]

FREE = {
    "costs": {
        "commission": {"bps": 0},
        "spread_bps": 0,
        "slippage": {"bps": 0},
        "borrow_rate": 0,
    },
    "observation": {"window": 1},
    "initial_cash": 1000,
}


@pytest.fixture
def make_market() -> MakeMarket:
    """A random market with gaps and ranges, of so many rows and symbols."""
    from training.market.environment import Market

    def make(rows: int = 60, symbols: int = 1, inputs: int = 3, seed: int = 0) -> Market:
        random = np.random.default_rng(seed)
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, (rows, symbols)), axis=0))
        before = np.concatenate([close[:1], close[:-1]])
        opened = before * np.exp(random.normal(0, 0.01, close.shape))
        above, below = 1 + 0.01 * random.random(close.shape), 1 - 0.01 * random.random(close.shape)
        return Market(
            features=random.normal(size=(rows, inputs)).astype(np.float32),
            open=opened,
            high=np.maximum(opened, close) * above,
            low=np.minimum(opened, close) * below,
            close=close,
            times=np.arange(rows),
            bars_per_year=252,
        )

    return make


@pytest.fixture
def bars() -> Callable[[list[list[float]]], Market]:
    """A market of one symbol, from rows of open, high, low, close."""
    from training.market.environment import Market

    def make(rows: list[list[float]]) -> Market:
        table = np.array(rows, dtype=np.float64)
        opened, high, low, close = (table[:, [column]] for column in range(4))
        return Market(
            features=np.zeros((len(table), 1), dtype=np.float32),
            open=opened,
            high=high,
            low=low,
            close=close,
            times=np.arange(len(table)),
            bars_per_year=100,
        )

    return make


@pytest.fixture
def configure() -> Callable[..., TradingConfig]:
    """A configuration in which nothing costs anything, but for the given keys."""

    def make(**keys: Any) -> TradingConfig:  # noqa: ANN401 - sections of a configuration
        merged = {
            name: value | keys.pop(name, {}) if isinstance(value, dict) else value
            for name, value in FREE.items()
        }
        return TradingConfig.model_validate(merged | keys)

    return make


@pytest.fixture
def run(configure: Callable[..., TradingConfig]) -> Run:
    """Carry out actions in turn, the last one again and again, and give the ledger."""
    from training.market.environment import TradingEnv

    def go(market: Market, actions: list[Any], /, **keys: Any) -> Ledger:  # noqa: ANN401 - sections of a configuration
        environment = TradingEnv(market, configure(**keys), record=True)
        environment.reset()
        over, waiting = False, list(actions)
        while not over:
            action = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            _, _, terminated, truncated, _ = environment.step(np.array(action))
            over = terminated or truncated
        return environment.ledger()

    return go
