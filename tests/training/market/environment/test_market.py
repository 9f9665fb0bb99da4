"""What is traded is checked before anything is traded on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

from training.errors import DataError
from training.market.environment import Market

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array

    Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def tables(make_market: Callable[..., Market]) -> dict[str, Any]:
    """What a good market of two symbols is made of, writable."""
    market = make_market(rows=20, symbols=2)
    names = ("features", "open", "high", "low", "close", "times")
    return {name: np.array(getattr(market, name)) for name in names} | {"bars_per_year": 252}


def _at(name: str, row: int, value: float) -> Change:
    def change(tables: dict[str, Any]) -> None:
        tables[name][row] = value

    return change


def _to(name: str, make: Callable[[Array], Array]) -> Change:
    def change(tables: dict[str, Any]) -> None:
        tables[name] = make(tables[name])

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_at("features", 3, np.nan), r"features\[3, 0\] is nan; expected finite"),
        (_at("close", 4, np.inf), r"close\[4, 0\] is inf"),
        (_at("low", 5, -1.0), r"low\[5, 0\] is -1.0: a price of 0 or below \(2 such"),
        (_at("low", 5, 1e9), r"low\[5, 0\] is 1000000000.0: low above open"),
        (_at("high", 6, 1.0), r"high\[6, 0\] is 1.0: high below open"),
        (_at("open", 7, 1.0), r"low above open"),
        (_at("close", 7, 1e9), r"high below close"),
        (_at("times", 8, 3), r"times\[8\] is 3, not after 7"),
        (_to("times", lambda times: times[1:]), r"times have the shape \(19,\)"),
        (_to("close", lambda close: close[1:]), r"close is float64 of shape \(19, 2\)"),
        (_to("close", lambda close: close[:, 0]), r"close is float64 of shape \(20,\)"),
        (_to("close", lambda close: close[:, :1]), r"open has the shape \(20, 2\) and close"),
        (_to("open", lambda prices: prices.astype(np.float32)), "open is float32"),
        (_to("features", lambda features: features.astype(float)), "features is float64"),
        (_to("features", lambda features: features[:, 0]), r"expected \(rows, inputs\)"),
        (_to("features", lambda features: features[:, :0]), r"expected \(rows, inputs\)"),
        (lambda tables: tables.update(bars_per_year=0), "bars_per_year is 0"),
    ],
)
def test_what_cannot_be_is_refused(tables: dict[str, Any], change: Change, match: str) -> None:
    Market(**tables)
    change(tables)
    with pytest.raises(DataError, match=match):
        Market(**tables)


def test_it_is_read_only_and_the_callers_arrays_are_not(tables: dict[str, Any]) -> None:
    market = Market(**tables)
    with pytest.raises(ValueError, match="read-only"):
        market.close[0] = 1
    assert tables["close"].flags.writeable


def test_a_part_has_its_bars_without_a_copy(tables: dict[str, Any]) -> None:
    market = Market(**tables)
    part = market.part(5, 12)
    assert (part.rows, part.symbols, part.bars_per_year) == (7, 2, 252)
    np.testing.assert_array_equal(part.features, market.features[5:12])
    np.testing.assert_array_equal(part.times, market.times[5:12])
    assert np.shares_memory(part.close, market.close)
