"""Indicators against TA-Lib, against published vectors, and against the plain loop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import talib
from numpy.testing import assert_allclose

from training.market.bar_indicators import (
    Bars,
    aroon,
    average_true_range,
    directional_movement,
    on_balance_volume,
    volume_flow,
)
from training.market.indicators import (
    bollinger_bands,
    exponential_moving_average,
    historical_volatility,
    macd,
    relative_strength_index,
    simple_moving_average,
)
from training.market.windows import rolling_deviation, rolling_extreme, rolling_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array


def walk(rows: int = 600, seed: int = 2) -> Bars:
    """Bars whose closes are rounded, so that equal extremes and unchanged closes occur."""
    random = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.01, rows))), 1)
    spread = np.round(np.abs(random.normal(0, 0.5, (2, rows))), 1)
    return Bars(close + spread[0], close - spread[1], close)


def after_the_first(price: Array, window: int) -> Array:
    """So many first prices in front: TA-Lib's exponential averages then begin with that price."""
    return np.concatenate([np.full(window, price[0]), price])


BARS = walk()
VOLUME = np.random.default_rng(3).integers(0, 50, 600).astype("float64")
HLC = (BARS.high, BARS.low, BARS.close)

SAME_AS_TALIB: dict[str, Callable[[], tuple[Any, Any]]] = {
    "sma": lambda: (simple_moving_average(BARS.close, 20), talib.SMA(BARS.close, 20)),
    "ema": lambda: (
        exponential_moving_average(BARS.close, 20)[19:],
        talib.EMA(after_the_first(BARS.close, 19), 20)[38:],
    ),
    "rsi": lambda: (relative_strength_index(BARS.close, 14), talib.RSI(BARS.close, 14)),
    "macd": lambda: (
        macd(BARS.close, 12, 26, 9).line[33:],
        talib.MACD(after_the_first(BARS.close, 25), 12, 26, 9)[0][58:],
    ),
    "macd signal": lambda: (  # TA-Lib seeds it with a mean: after 30 windows nothing is left of it
        np.array(macd(BARS.close, 5, 10, 4)[1:])[:, 130:],
        np.array(talib.MACD(after_the_first(BARS.close, 9), 5, 10, 4)[1:])[:, 139:],
    ),
    "bollinger": lambda: (
        bollinger_bands(BARS.close, 20, 2.0),
        talib.BBANDS(BARS.close, 20, 2.0, 2.0)[::-1],
    ),
    "atr": lambda: (average_true_range(BARS, 14), talib.ATR(*HLC, 14)),
    "aroon": lambda: (aroon(BARS, 14), talib.AROON(BARS.high, BARS.low, 14)[::-1]),
    "max": lambda: (rolling_extreme(BARS.high, 9, largest=True), talib.MAX(BARS.high, 9)),
    "min": lambda: (rolling_extreme(BARS.low, 9, largest=False), talib.MIN(BARS.low, 9)),
    "deviation": lambda: (
        rolling_deviation(BARS.close, 9, sample=False),
        talib.STDDEV(BARS.close, 9),
    ),
    "obv": lambda: (
        on_balance_volume(BARS.close, VOLUME),
        talib.OBV(BARS.close, VOLUME) - VOLUME[0],
    ),
}


@pytest.mark.parametrize("name", SAME_AS_TALIB)
def test_the_same_as_talib_from_the_first_value_on(name: str) -> None:
    """Equal in every bar, warm-up included."""
    ours, theirs = SAME_AS_TALIB[name]()
    tolerance = 1e-6 if name == "deviation" else 1e-9  # TA-Lib's own runs up a running sum
    assert_allclose(
        np.array(ours), np.array(theirs), rtol=tolerance, atol=tolerance, equal_nan=True
    )


def test_rsi_is_talib_s_by_default_too() -> None:
    """Wilder's own seeding is what TA-Lib does without being told."""
    assert_allclose(
        relative_strength_index(BARS.close, 14),
        talib.RSI(BARS.close, 14),
        rtol=1e-9,
        equal_nan=True,
    )


def test_directional_movement_comes_to_talib_s() -> None:
    """TA-Lib seeds the movements with a bar less; after 30 windows nothing of that is left."""
    ours = directional_movement(BARS, 7)
    theirs = (talib.PLUS_DI(*HLC, 7), talib.MINUS_DI(*HLC, 7), talib.ADX(*HLC, 7))
    for found, expected in zip(ours, theirs, strict=True):
        assert np.isnan(found).sum() == np.isnan(expected).sum()
        assert_allclose(found[210:], expected[210:], rtol=1e-9)


def test_directional_movement_by_the_plain_loop() -> None:
    """Bar by bar as in Wilder's book, with means of the first window as seeds."""
    window = 5
    plus, minus, span, apart = 0.0, 0.0, 0.0, []
    ours, average = directional_movement(BARS, window), np.nan
    for at in range(1, 80):
        up, down = BARS.high[at] - BARS.high[at - 1], BARS.low[at - 1] - BARS.low[at]
        before = BARS.close[at - 1]
        true_range = max(BARS.high[at], before) - min(BARS.low[at], before)
        weight = 1 / window if at > window else 1 / at
        plus += (max(up, 0) * (up > down) - plus) * weight
        minus += (max(down, 0) * (down > up) - minus) * weight
        span += (true_range - span) * weight
        if at < window:
            continue
        apart.append(100 * abs(plus - minus) / (plus + minus))
        average = apart[0] if len(apart) == 1 else average
        average += (apart[-1] - average) / min(len(apart), window)
        assert_allclose([ours.plus[at], ours.minus[at]], [100 * plus / span, 100 * minus / span])
        assert np.isnan(ours.average[at]) == (at < 2 * window - 1)
        if at >= 2 * window - 1:
            assert_allclose(ours.average[at], average)


def test_rolling_statistics_are_those_of_pandas() -> None:
    series = pd.Series(BARS.close)
    assert_allclose(rolling_mean(BARS.close, 9), series.rolling(9).mean(), rtol=1e-12)
    assert_allclose(
        rolling_deviation(BARS.close, 9, sample=True), series.rolling(9).std(), rtol=1e-6
    )
    returns = pd.Series(np.log(BARS.close)).diff()
    assert_allclose(historical_volatility(BARS.close, 9), returns.rolling(9).std(), rtol=1e-6)


def test_volume_flow_by_hand() -> None:
    """Closes 1 2 2 1 with volume 5 3 4 2: up 3, unchanged, down 2."""
    flow = volume_flow(np.array([1.0, 2, 2, 1]), np.array([5.0, 3, 4, 2]), 2)
    assert_allclose(flow, [np.nan, np.nan, 3 / 7, -2 / 6], equal_nan=True)
    assert volume_flow(np.array([1.0, 2, 3]), np.zeros(3), 2)[2] == 0


def test_flat_prices_give_numbers() -> None:
    """Where nothing moves, nothing is divided by nothing."""
    flat = np.full(40, 5.0)
    movement = directional_movement(Bars(flat, flat, flat), 4)
    assert [values[-1] for values in movement] == [0, 0, 0]
    assert aroon(Bars(flat, flat, flat), 4).up[-1] == 100  # of equal highs the last counts


SHORT: dict[str, Callable[[Array], Any]] = {
    "sma": lambda price: simple_moving_average(price, 9),
    "ema": lambda price: exponential_moving_average(price, 9),
    "rsi": lambda price: relative_strength_index(price, 9),
    "macd": lambda price: macd(price, 5, 9, 4),
    "bollinger": lambda price: bollinger_bands(price, 9, 2.0),
    "volatility": lambda price: historical_volatility(price, 9),
    "atr": lambda price: average_true_range(Bars(price, price, price), 9),
    "adx": lambda price: directional_movement(Bars(price, price, price), 9),
    "aroon": lambda price: aroon(Bars(price, price, price), 9),
    "flow": lambda price: volume_flow(price, price, 9),
}


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.parametrize("rows", [1, 2, 8, 9, 10])
def test_a_series_as_short_as_the_warm_up_gives_no_error(name: str, rows: int) -> None:
    """As many values as prices, none of them known before the warm-up is over."""
    found = np.array(SHORT[name](np.linspace(1, 2, rows)))
    assert found.shape[-1] == rows
    assert np.isnan(found[..., :8]).all() or name == "macd"


MARKET = os.environ.get("RETRAIN_MARKET_DATA")


@pytest.mark.skipif(MARKET is None, reason="RETRAIN_MARKET_DATA names no folder of market data")
class TestPublishedVectors:
    """StockCharts' spreadsheets, as the library `ta` keeps them; rounded to what they print."""

    def vectors(self, name: str) -> pd.DataFrame:
        return pd.read_csv(Path(str(MARKET), "ta_vectors", f"cs-{name}.csv"))

    def test_atr(self) -> None:
        rows = self.vectors("atr")
        bars = Bars(*(rows[name].to_numpy() for name in ("High", "Low", "Close")))
        # The sheet counts the first bar's own range as one of the 14; this weighs ever less.
        assert_allclose(average_true_range(bars, 14)[-1], rows["ATR"].iloc[-1], rtol=0.02)

    def test_bollinger(self) -> None:
        rows = self.vectors("bbands")
        bands = bollinger_bands(rows["Close"].to_numpy(), 20, 2.0)
        names = ("LowBand", "MiddleBand", "HighBand")
        for found, name in zip(bands, names, strict=True):
            assert_allclose(found, rows[name], rtol=1e-4, equal_nan=True)

    def test_macd(self) -> None:
        rows = self.vectors("macd")
        line = macd(rows["Close"].to_numpy(), 12, 26, 9).line
        assert_allclose(line[33:], rows["MACD_line"][33:], rtol=1e-5)

    def test_adx(self) -> None:
        rows = self.vectors("adx")
        bars = Bars(*(rows[name].to_numpy() for name in ("High", "Low", "Close")))
        found = directional_movement(bars, 14)
        for values, name in zip(found, ("+DI14", "-DI14", "ADX"), strict=True):
            known = rows[name].notna() & ~np.isnan(values)
            assert known.sum() > 400
            assert_allclose(values[known], rows[name][known], rtol=1e-5)

    def test_obv(self) -> None:
        rows = self.vectors("obv")
        found = on_balance_volume(rows["Close"].to_numpy(), rows["Volume"].fillna(0).to_numpy())
        assert_allclose(found[1:], rows["OBV"][1:])
