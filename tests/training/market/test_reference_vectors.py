"""Indicators against the published vectors of StockCharts, as the package `ta` keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training.market.indicators import (
    exponential_moving_average,
    relative_strength_index,
    simple_moving_average,
)
from training.market.windows import recursive_mean

if TYPE_CHECKING:
    from pathlib import Path


def _read(market_data: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(market_data / "ta_vectors" / f"cs-{name}.csv")


def test_exponential_averages_of_macd(market_data: Path) -> None:
    """Both are seeded with the first price, as ours is; ours leaves the warm-up out."""
    macd = _read(market_data, "macd")
    close = macd["Close"].to_numpy()
    for column, window in (("short_ema", 12), ("long_ema", 26)):
        ours = exponential_moving_average(close, window)
        assert np.isnan(ours[: window - 1]).all()
        published = macd[column].to_numpy()
        np.testing.assert_allclose(ours[window - 1 :], published[window - 1 :], rtol=1e-8)
        np.testing.assert_allclose(recursive_mean(close, 2 / (window + 1)), published, rtol=1e-8)


def test_the_middle_of_bollinger_bands(market_data: Path) -> None:
    bands = _read(market_data, "bbands")
    ours = simple_moving_average(bands["Close"].to_numpy(), 20)
    published = bands["MiddleBand"].to_numpy()
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(published))
    np.testing.assert_allclose(ours, published, rtol=1e-6)


def test_rsi_with_their_seed_is_theirs(market_data: Path) -> None:
    """Theirs begins with averages of 0 at the first bar; the recursion is the same as ours."""
    rsi = _read(market_data, "rsi")
    gain = recursive_mean(rsi["Gain"].fillna(0).to_numpy(), 1 / 14)
    loss = recursive_mean(rsi["Loss"].fillna(0).to_numpy(), 1 / 14)
    np.testing.assert_allclose(gain, rsi["Avg Gain"], atol=1e-6)
    np.testing.assert_allclose(loss, rsi["Avg Loss"], atol=1e-6)
    known = rsi["RSI"].notna().to_numpy()
    ours = 100 * gain[known] / (gain + loss)[known]
    np.testing.assert_allclose(ours, rsi["RSI"].to_numpy()[known], atol=1e-2)


def test_rsi_with_wilders_seed_differs_from_theirs(market_data: Path) -> None:
    """Ours is seeded with the mean of the first 14 changes: up to 4 points apart in 33 bars."""
    rsi = _read(market_data, "rsi")
    change = rsi["Close"].diff().to_numpy()[1:]
    ours = relative_strength_index(rsi["Close"].to_numpy(), 14)
    gain, loss = np.maximum(change[:14], 0).mean(), np.maximum(-change[:14], 0).mean()
    np.testing.assert_allclose(ours[14], 100 * gain / (gain + loss), rtol=1e-14)
    apart = np.abs(ours - rsi["RSI"].to_numpy())[14:]
    assert 0 < apart.max() < 4
