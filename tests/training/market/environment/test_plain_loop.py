"""A plain loop over plain numbers, written apart from the environment, comes to the same account.

It shares no formula with it: what a trade leaves is found by iteration, and what a limit leaves by
bisection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.market.environment import Ledger, Market

ROWS = 30
GIVEN = st.fixed_dictionaries(
    {
        "symbols": st.integers(1, 3),
        "seed": st.integers(0, 10_000),
        "bps": st.sampled_from([0.0, 5.0, 80.0]),
        "per_unit": st.sampled_from([None, 0.3]),
        "borrow": st.sampled_from([0.0, 0.5]),
        "gross": st.sampled_from([0.6, 1.0, 2.0]),
        "stop": st.sampled_from([None, 0.01, 0.04]),
        "target": st.sampled_from([None, 0.02, 0.05]),
        "stays": st.sampled_from([0.0, 0.7]),
    }
)
LEVELS = [-1.5, -1.0, 0.0, 0.5, 1.0, 2.0]


@dataclass
class Plain:
    """One account."""

    market: Market
    asked: dict[str, Any]
    cash: float = 1000.0
    units: list[float] = field(default_factory=list)
    chosen: list[float] = field(default_factory=list)
    entry: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        many = self.market.symbols
        self.units, self.chosen, self.entry = [0.0] * many, [0.0] * many, [0.0] * many

    def step(self, bar: int, weights: list[float]) -> float:
        self.trade(bar, weights)
        for symbol in range(len(self.units)):
            self.exit(bar, symbol)
        close = [float(price) for price in self.market.close[bar]]
        owed = sum(max(-u * p, 0) for u, p in zip(self.units, close, strict=True))
        self.cash -= (owed + max(-self.cash, 0)) * self.asked["borrow"] / 252
        return self.cash + sum(u * p for u, p in zip(self.units, close, strict=True))

    def cost(self, units: float, price: float) -> float:
        share = 0.0 if self.asked["per_unit"] else self.asked["bps"] / 1e4
        return abs(units) * (price * share + (self.asked["per_unit"] or 0.0))

    def left(self, price: list[float], wanted: dict[int, float]) -> float:
        """Equity after trading to these weights."""
        before = self.cash + sum(u * p for u, p in zip(self.units, price, strict=True))
        left = before
        for _ in range(60):
            paid = (
                self.cost(w * left / price[s] - self.units[s], price[s]) for s, w in wanted.items()
            )
            left = before - sum(paid)
        return left

    def trade(self, bar: int, weights: list[float]) -> None:
        price = [float(value) for value in self.market.open[bar]]
        new = {s: w for s, w in enumerate(weights) if w != self.chosen[s]}
        self.chosen = list(weights)
        stays = sum(abs(u * price[s]) for s, u in enumerate(self.units) if s not in new)

        def fits(factor: float) -> bool:
            scaled = {s: w * factor for s, w in new.items()}
            left = self.left(price, scaled)
            held = sum(abs(w) for w in scaled.values()) * left + stays
            return bool(held <= self.asked["gross"] * left * (1 + 1e-12))

        low, high = 0.0, 1.0
        for _ in range(0 if not new or fits(1.0) else 50):
            middle = (low + high) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        factor = 1.0 if not new or fits(1.0) else low
        left = self.left(price, {s: w * factor for s, w in new.items()})
        for symbol, weight in new.items():
            self.move(symbol, weight * factor * left / price[symbol], price[symbol])

    def move(self, symbol: int, units: float, price: float) -> None:
        before = self.units[symbol]
        if before * units <= 0:
            self.entry[symbol] = price
        elif abs(units) > abs(before):
            mean = before * self.entry[symbol] + (units - before) * price
            self.entry[symbol] = mean / units
        self.cash -= (units - before) * price + self.cost(units - before, price)
        self.units[symbol] = units

    def exit(self, bar: int, symbol: int) -> None:
        units, entry = self.units[symbol], self.entry[symbol]
        if not units:
            return
        opened, high, low = (
            float(table[bar, symbol])
            for table in (self.market.open, self.market.high, self.market.low)
        )
        sign, worst, best = (1, low, high) if units > 0 else (-1, high, low)
        goal = entry * (1 + sign * (self.asked["target"] or 9))
        level = entry * (1 - sign * (self.asked["stop"] or 9))
        price = None
        if sign * (opened - goal) >= 0 or sign * (opened - level) <= 0:
            price = opened
        elif sign * (worst - level) <= 0:
            price = level
        elif sign * (best - goal) >= 0:
            price = goal
        if price is not None:
            self.move(symbol, 0.0, price)
            self.chosen[symbol] = 0.0


@given(asked=GIVEN)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_plain_loop_comes_to_the_same_account(
    make_market: Callable[..., Market], run: Callable[..., Ledger], asked: dict[str, Any]
) -> None:
    """Whatever it costs, is stopped or limited, until it is ruined.

    Nearly always to rounding. Where costs alone decide whether a symbol is bought or sold the sign
    of that small trade may be taken for the other one: 5e-8 of the equity in the worst of 131.
    """
    market = make_market(rows=ROWS, symbols=asked["symbols"], seed=asked["seed"])
    random = np.random.default_rng(asked["seed"])
    picked = random.integers(0, len(LEVELS), (ROWS - 1, asked["symbols"]))
    for step in range(1, len(picked)):
        keeps = random.random(asked["symbols"]) < asked["stays"]
        picked[step] = np.where(keeps, picked[step - 1], picked[step])
    commission = {"type": "proportional", "bps": asked["bps"]}
    if asked["per_unit"]:
        commission = {"type": "per_unit", "amount": asked["per_unit"]}
    held = run(
        market,
        [row.tolist() if asked["symbols"] > 1 else int(row[0]) for row in picked],
        actions={"type": "weights", "levels": LEVELS},
        costs={"commission": commission, "borrow_rate": asked["borrow"]},
        limits={"long": 1.2, "short": 0.8, "gross": asked["gross"]},
        stop_loss=asked["stop"],
        take_profit=asked["target"],
    )
    plain = Plain(market, asked)
    lowest, highest = -min(0.8, asked["gross"]), min(1.2, asked["gross"])
    weights = np.clip(np.array(LEVELS) / asked["symbols"], lowest, highest)[picked]
    expected = [plain.step(bar, weights[bar - 1].tolist()) for bar in range(1, len(held.bars) + 1)]
    np.testing.assert_allclose(held.equity, expected, rtol=2e-6)
