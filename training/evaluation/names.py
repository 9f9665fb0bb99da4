"""Names of what a backtest measures: `test_backtest_sharpe` is a part, a strategy and a measure."""

from __future__ import annotations

import re
from typing import NamedTuple

OWN = "backtest"
STRATEGIES = {
    OWN: "the model",
    "buy_and_hold": "buy and hold",
    "flat": "flat",
    "moving_average": "moving average",
    "random": "random",
}
"""What stands in a metric's name, and its title for a person, the model's own strategy first."""
PARTS = {"val": "validation", "test": "test"}
MEASURES = (
    "total_return",
    "annual_return",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "max_drawdown_bars",
    "value_at_risk",
    "conditional_value_at_risk",
    "exposure",
    "turnover",
    "hit_rate",
    "profit_factor",
)
"""In the order in which a person reads them."""

_PATTERN = re.compile(
    rf"({'|'.join(PARTS)})_({'|'.join(STRATEGIES)})_({'|'.join(MEASURES)})", re.ASCII
)


class Earned(NamedTuple):
    """What the name of a metric of a backtest says."""

    part: str
    strategy: str
    measure: str


def earned(metric: str) -> Earned | None:
    """The part, the strategy and the measure that a metric's name says; None: it is another one."""
    found = _PATTERN.fullmatch(metric)
    return Earned(*found.groups()) if found else None
