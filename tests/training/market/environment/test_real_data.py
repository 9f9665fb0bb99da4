"""On twenty years of the S&P 500, and on the published series where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from training.config.sources import SampleSource
from training.data.sources.sample import read_sample
from training.market import measures
from training.market.environment import Market, TradingEnv

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.trading import TradingConfig
    from training.market.environment import Ledger

MARKET = os.environ.get("RETRAIN_MARKET_DATA")


def _market(frames: list[pd.DataFrame], times: pd.Series[pd.Timestamp]) -> Market:
    """Bars as they are; the one feature of each symbol is its log return."""
    prices = {
        name: np.column_stack([frame[name].to_numpy(np.float64) for frame in frames])
        for name in ("open", "high", "low", "close")
    }
    returns = np.diff(np.log(prices["close"]), axis=0, prepend=np.log(prices["close"][:1]))
    features = (returns / returns.std(axis=0)).astype(np.float32)
    # The published highs and lows are rounded, and so now and then inside open and close.
    prices["high"] = np.maximum(prices["high"], np.maximum(prices["open"], prices["close"]))
    prices["low"] = np.minimum(prices["low"], np.minimum(prices["open"], prices["close"]))
    return Market(features=features, times=times.to_numpy(), bars_per_year=252, **prices)


@pytest.fixture(scope="module")
def index() -> Market:
    frame = read_sample(SampleSource(name="sp500")).frame
    return _market([frame], frame["date"])


def test_twenty_years_of_the_index_held_are_its_own_return(
    index: Market, run: Callable[..., Ledger]
) -> None:
    """From the first open after the first close to the last close of 2018; nothing is made up."""
    held = run(index, [2])
    growth = index.close[-1, 0] / index.open[1, 0]
    assert held.equity[-1] == pytest.approx(1000 * growth, rel=1e-12)
    found = measures(held.returns, 252)
    assert found["max_drawdown"] == pytest.approx(-0.567754, abs=2e-6)
    assert len(held.returns) == 5030


def test_stops_of_the_index_are_filled_at_their_level_or_at_a_worse_open(
    index: Market, run: Callable[..., Ledger]
) -> None:
    """Twenty years of real bars; a position that was held from the bar before and closed in one."""
    held = run(index, [2], stop_loss=0.03)
    units, opened, low = held.units[:, 0], index.open[held.bars, 0], index.low[held.bars, 0]
    entry, gaps, stops = 0.0, 0, 0
    for step in range(1, len(units)):
        if units[step] and not units[step - 1]:
            entry = opened[step]
        if units[step] or not units[step - 1] or not entry:
            continue
        level, price = 0.97 * entry, held.traded[step] / units[step - 1]
        assert low[step] <= level * (1 + 1e-12)
        assert price == pytest.approx(min(level, opened[step]), rel=1e-9)
        gaps, stops = gaps + (opened[step] < level), stops + 1
    assert stops > gaps > 0


@pytest.mark.skipif(MARKET is None, reason="RETRAIN_MARKET_DATA names no folder of market data")
def test_four_published_shares_are_held_as_they_stand(
    configure: Callable[..., TradingConfig],
) -> None:
    folder = Path(MARKET or "", "zipline")
    frames = [pd.read_csv(folder / f"{name}.csv.gz") for name in ("AAPL", "IBM", "KO", "MSFT")]
    market = _market(frames, pd.to_datetime(frames[0]["date"]))
    environment = TradingEnv(market, configure(), record=True)
    environment.reset()
    over = False
    while not over:
        over = environment.step(np.full(4, 2))[3]
    growth = (market.close[-1] / market.open[1]).mean()
    assert environment.ledger().equity[-1] == pytest.approx(1000 * growth, rel=1e-12)
    assert len(environment.ledger().equity) == 753


@pytest.mark.skipif(MARKET is None, reason="RETRAIN_MARKET_DATA names no folder of market data")
def test_hours_of_a_currency_pair_and_a_coin_run_through(run: Callable[..., Ledger]) -> None:
    folder = Path(MARKET or "")
    coin = pd.read_csv(folder / "gymtradingenv/BTC_USD-Hourly.csv", skiprows=0)[::-1]
    pair = pd.read_csv(folder / "anytrading/FOREX_EURUSD_1H_ASK.csv")
    pair.columns = pair.columns.str.lower()
    times = pd.to_datetime(pair["time"], format="%d.%m.%Y %H:%M:%S.%f")
    for market in (_market([coin], pd.to_datetime(coin["date"])), _market([pair], times)):
        held = run(market, [2])
        growth = market.close[-1, 0] / market.open[1, 0]
        assert held.equity[-1] == pytest.approx(1000 * growth, rel=1e-11)
