"""The domain: indicators and backtests on market time series."""

from training.market.backtest import Backtest, backtest
from training.market.measures import measures

__all__ = ["Backtest", "backtest", "measures"]
