"""A table of prices, and a way to have it loaded from wherever it was put."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.config.load import parse_config
from training.data import DataManager

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Manage = Callable[..., DataManager]


@pytest.fixture
def prices() -> pd.DataFrame:
    """60 days of prices that go up and down; high and low are around open and close."""
    return make_prices()


@pytest.fixture
def manage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manage:
    """A data manager for keys of the section `data`, with an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def build(frame: pd.DataFrame | None = None, **keys: Any) -> DataManager:  # noqa: ANN401 - sections of a configuration
        keys.setdefault("source", {"type": "dataframe"})
        keys.setdefault("features", [{"type": "returns", "lags": 2}])
        return DataManager(parse_config({"data": keys}).data, frame=frame)

    return build


def make_prices(rows: int = 60, seed: int = 5) -> pd.DataFrame:
    """A random walk with two decimals."""
    random = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.02, rows))), 2)
    opened = np.round(close * (1 + random.normal(0, 0.003, rows)), 2)
    return pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=rows, freq="D"),
            "open": opened,
            "high": np.round(np.maximum(opened, close) + 0.5, 2),
            "low": np.round(np.minimum(opened, close) - 0.5, 2),
            "close": close,
            "volume": random.integers(1_000, 9_000, rows).astype("float64"),
        }
    )
