"""A walk of prices, and real ones where the tests are told of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from training.types import Array


@pytest.fixture
def walk() -> Array:
    """300 prices of a random walk."""
    random = np.random.default_rng(21)
    prices: Array = 100 * np.exp(np.cumsum(random.normal(0, 0.02, 300)))
    return prices


@pytest.fixture
def market_data() -> Path:
    """The folder of published series that RETRAIN_MARKET_DATA names."""
    folder = os.environ.get("RETRAIN_MARKET_DATA")
    if not folder:
        pytest.skip("RETRAIN_MARKET_DATA names no folder with published market series")
    return Path(folder)
