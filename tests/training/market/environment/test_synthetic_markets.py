"""The planted pattern can be traded after costs; a random walk cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from training.config.trading import TradingConfig
from training.market.environment import Market, TradingEnv
from training.market.synthetic import planted_pattern, random_walk

if TYPE_CHECKING:
    from training.types import Array


def _growth(table: dict[str, Array], *, follow: bool) -> float:
    """What following the signal, or holding, makes of 1, at the default costs."""
    prices = {name: table[name][:, np.newaxis] for name in ("open", "high", "low", "close")}
    features = table["signal"][:, np.newaxis].astype(np.float32)
    market = Market(features=features, times=table["time"], bars_per_year=252, **prices)
    config = TradingConfig.model_validate({"observation": {"window": 1}})
    environment = TradingEnv(market, config, record=True)
    seen, _ = environment.reset()
    over = False
    while not over:
        seen, _, _, over, _ = environment.step(2 if seen[-1] > 0 or not follow else 0)
    return float(environment.ledger().equity[-1]) / config.initial_cash


@pytest.mark.parametrize("seed", range(5))
def test_who_follows_a_planted_signal_earns_after_costs(seed: int) -> None:
    """Four years: it more than doubles, and beats holding; see `planted_pattern` for the figure."""
    table = planted_pattern(1000, seed=seed)
    assert _growth(table, follow=True) > max(2.0, 1.5 * _growth(table, follow=False))


def test_who_follows_a_walks_signal_pays_the_costs() -> None:
    """A bar's trade costs 3 basis points of half the time twice the equity: 1500 times that."""
    grown = _growth(random_walk(5000, seed=3, stays=0.5, volatility=0.002), follow=True)
    assert np.log(grown) == pytest.approx(-1.5, abs=4 * 0.002 * np.sqrt(5000))
