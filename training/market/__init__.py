"""The domain: indicators and backtests on market time series."""

from training.market.backtest import Backtest, backtest, portfolio
from training.market.baselines import median, moving_average_cross, rearranged
from training.market.measures import measures

__all__ = [
    "Backtest",
    "backtest",
    "measures",
    "median",
    "moving_average_cross",
    "portfolio",
    "rearranged",
]
