"""Stop-loss and take-profit, computed by hand, on the bar's own range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is an extra")

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.market.environment import Ledger, Market

    Run = Callable[..., Ledger]
    Bars = Callable[[list[list[float]]], Market]

SHORT, FLAT, LONG = 0, 1, 2
START = [100.0, 100.0, 100.0, 100.0]
STOP: dict[str, Any] = {"stop_loss": 0.05}
TARGET: dict[str, Any] = {"take_profit": 0.1}
BOTH = STOP | TARGET


@pytest.mark.parametrize(
    ("bar", "keys", "equity"),
    [
        ([100, 101, 94, 99], STOP, 950),  # through the stop, and back
        ([100, 101, 95, 99], STOP, 950),  # the stop is touched
        ([100, 101, 95.1, 99], STOP, 990),  # and here it is not
        ([92, 93, 90, 93], STOP, 920),  # a gap: at the open, which is worse
        ([100, 111, 99, 105], TARGET, 1100),
        ([100, 109, 99, 105], TARGET, 1050),
        ([115, 118, 114, 116], TARGET, 1150),  # a gap in one's favour
        ([100, 112, 94, 100], BOTH, 950),  # both inside: the stop
        ([112, 112, 94, 100], BOTH, 1120),  # the open comes before the rest
        ([94, 112, 94, 100], BOTH, 940),
        ([100, 103, 98, 102], BOTH, 1020),
    ],
)
def test_a_long_position_held_from_before(
    bars: Bars, run: Run, bar: list[float], keys: dict[str, Any], equity: float
) -> None:
    """Ten units, entered at 100."""
    held = run(bars([START, START, bar]), [LONG], **keys)
    np.testing.assert_allclose(held.equity, [1000, equity])
    assert (held.units[1, 0] == 0) == (equity != 10 * bar[3])


@pytest.mark.parametrize(
    ("bar", "keys", "equity"),
    [
        ([100, 106, 99, 101], STOP, 950),
        ([100, 104, 99, 101], STOP, 990),
        ([108, 109, 107, 107], STOP, 920),
        ([100, 101, 89, 95], TARGET, 1100),
        ([85, 86, 84, 86], TARGET, 1150),
        ([100, 106, 88, 95], BOTH, 950),
        ([88, 106, 88, 95], BOTH, 1120),
    ],
)
def test_a_short_position_held_from_before(
    bars: Bars, run: Run, bar: list[float], keys: dict[str, Any], equity: float
) -> None:
    """Ten units, sold at 100."""
    held = run(bars([START, START, bar]), [SHORT], **keys)
    np.testing.assert_allclose(held.equity, [1000, equity])
    assert (held.units[1, 0] == 0) == (equity != 2000 - 10 * bar[3])


def test_the_bar_of_the_entry_can_stop_it_too(bars: Bars, run: Run) -> None:
    held = run(bars([START, [100, 100, 90, 98]]), [LONG], **STOP)
    np.testing.assert_allclose(held.equity, [950])


def test_what_happened_before_the_entry_does_not_stop_it(bars: Bars, run: Run) -> None:
    """The low of 80 was in the bar at whose close it was decided."""
    held = run(bars([[100, 100, 80, 100], [100, 102, 99, 101]]), [LONG], **STOP)
    np.testing.assert_allclose(held.equity, [1010])


def test_an_exit_pays_costs_at_its_own_price(bars: Bars, run: Run) -> None:
    """Bought with 1000/1.001, sold at 95 for 10 basis points of that."""
    costs = {"commission": {"bps": 10}}
    held = run(bars([START, START, [100, 100, 90, 98]]), [LONG], costs=costs, **STOP)
    units = 10 / 1.001
    np.testing.assert_allclose(held.costs, [units * 0.1, units * 0.095], rtol=1e-12)
    np.testing.assert_allclose(held.traded, [units * 100, units * 95])
    np.testing.assert_allclose(held.equity[1], units * 95 * 0.999)


def test_an_exit_pays_for_its_units(bars: Bars, run: Run) -> None:
    costs = {"commission": {"type": "per_unit", "amount": 0.5}}
    held = run(bars([START, START, [100, 100, 90, 98]]), [LONG], costs=costs, **STOP)
    np.testing.assert_allclose(held.costs, [500 / 100.5, 500 / 100.5])


def test_after_a_stop_the_same_choice_enters_again(bars: Bars, run: Run) -> None:
    """Closed at 95, bought again at the next open, 98, and from there on stopped at 93.1."""
    market = bars([START, START, [100, 100, 90, 98], [98, 99, 94, 99], [99, 99, 93, 94]])
    held = run(market, [LONG], **STOP)
    units = 950 / 98
    np.testing.assert_allclose(held.units[:, 0], [10, 0, units, 0])
    np.testing.assert_allclose(held.equity, [1000, 950, units * 99, units * 98 * 0.95])


def test_an_enlarged_position_is_stopped_from_its_mean_entry(bars: Bars, run: Run) -> None:
    """Half at 100, the rest at 110: entered at 104.76 on average, and stopped 5 % below that."""
    market = bars([START, START, [110, 110, 110, 110], [110, 110, 99, 109]])
    actions = {"type": "weights", "levels": [0.0, 0.5, 1.0]}
    held = run(market, [1, 2], actions=actions, **STOP)
    first, whole = 5.0, 1050 / 110
    entry = (first * 100 + (whole - first) * 110) / whole
    np.testing.assert_allclose(held.equity[2], whole * entry * 0.95)


def test_an_own_exit_at_the_open_comes_before_the_stop(bars: Bars, run: Run) -> None:
    """Sold at 98, as decided; the fall to 90 is no longer ours."""
    held = run(bars([START, START, [98, 98, 90, 91]]), [LONG, FLAT], **STOP)
    np.testing.assert_allclose(held.equity, [1000, 980])


def test_each_symbol_has_its_own(make_market: Callable[..., Market], run: Run) -> None:
    market = make_market(rows=200, symbols=2)
    held = run(market, [[LONG, LONG]], stop_loss=0.03, take_profit=0.05)
    closed = held.units == 0
    assert closed[:, 0].any()
    assert closed[:, 1].any()
    assert (closed[:, 0] != closed[:, 1]).any()
