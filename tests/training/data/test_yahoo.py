"""Yahoo Finance through yfinance, on answers in the form that Yahoo gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.data import DataManager

    Manage = Callable[..., DataManager]

yfinance = pytest.importorskip("yfinance", reason="the extra 'yfinance' is not installed")
DAYS = pd.bdate_range("2024-01-01", periods=60, tz="America/New_York")
CLOSE = np.round(100 + np.random.default_rng(3).normal(size=60), 2)


class Answer:
    """A response that was kept."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.text = json.dumps(body)

    def json(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.text)


def chart(symbol: str) -> dict[str, Any]:
    """What https://query2.finance.yahoo.com/v8/finance/chart/SYMBOL answers."""
    if symbol != "TEST":
        error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
        return {"chart": {"result": None, "error": error}}
    opened = [int((day + pd.Timedelta(hours=9, minutes=30)).timestamp()) for day in DAYS]
    quote = {
        "open": CLOSE.tolist(),
        "high": (CLOSE + 1).tolist(),
        "low": (CLOSE - 1).tolist(),
        "close": CLOSE.tolist(),
        "volume": list(range(1000, 1060)),
    }
    meta = {
        "currency": "USD",
        "symbol": symbol,
        "exchangeName": "NYQ",
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": "America/New_York",
        "timezone": "EST",
        "gmtoffset": -18000,
        "regularMarketPrice": float(CLOSE[-1]),
        "priceHint": 2,
        "dataGranularity": "1d",
        "validRanges": ["1d", "1mo", "max"],
    }
    adjusted = [{"adjclose": (CLOSE / 2).tolist()}]
    indicators = {"quote": [quote], "adjclose": adjusted}
    result = {"meta": meta, "timestamp": opened, "indicators": indicators}
    return {"chart": {"result": [result], "error": None}}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What Yahoo is asked; yfinance's own code reads the kept answers."""
    found: list[dict[str, Any]] = []
    yfinance.set_tz_cache_location(str(tmp_path / "cache"))

    def get(_: object, url: str, params: dict[str, Any] | None = None, **__: object) -> Answer:
        found.append({"url": url} | (params or {}))
        return Answer(chart(url.rsplit("/", maxsplit=1)[-1]))

    for name in ("get", "cache_get"):
        monkeypatch.setattr(yfinance.data.YfData, name, get)
    return found


def test_daily_bars(asked: list[dict[str, Any]], manage: Manage) -> None:
    """Days of the exchange, adjusted prices, and no more asked for than the window."""
    source = {"type": "yfinance", "symbol": "TEST", "start": "2024-01-10", "end": "2024-03-15"}
    table = manage(source=source).load()
    assert list(table.frame.columns) == ["date", "open", "high", "low", "close", "volume"]
    assert table.description["first"] == "2024-01-10"
    assert table.description["last"] == "2024-03-15"
    close = table.frame.set_index("date")["close"]
    np.testing.assert_allclose(close, CLOSE[7:55] / 2)
    first = pd.Timestamp(asked[-1]["period1"], unit="s")
    assert pd.Timestamp("2024-01-08") < first < pd.Timestamp("2024-01-10")


def test_prices_as_they_were_traded(asked: list[dict[str, Any]], manage: Manage) -> None:
    table = manage(source={"type": "yfinance", "symbol": "TEST", "adjust": False}).load()
    np.testing.assert_allclose(table.frame["close"], CLOSE)
    np.testing.assert_allclose(table.frame["adj_close"], CLOSE / 2)


def test_a_symbol_that_there_is_not(asked: list[dict[str, Any]], manage: Manage) -> None:
    with pytest.raises(DataError, match=r"yfinance NONE: .*; see data\.source\.symbol"):
        manage(source={"type": "yfinance", "symbol": "NONE"}).load()
