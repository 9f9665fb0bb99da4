"""Measures against empyrical's published figures, against its fork, and by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import empyrical
import numpy as np
import pandas as pd
import pytest

from training.market.measures import equity, measures

if TYPE_CHECKING:
    from pathlib import Path

    from training.types import Array

# The series `mixed_returns` of empyrical's own tests, daily, and what they say of it.
MIXED = np.array([math.nan, 1.0, 10.0, -4.0, 2.0, 3.0, 2.0, 1.0, -10.0]) / 100
PUBLISHED = {
    "sharpe": 1.7238613961706866,
    "sortino": 2.605531251673693,
    "max_drawdown": -0.1,
    "volatility": 0.9136465399704637,
    "annual_return": 1.9135925373194231,
    "calmar": 19.135925373194233,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_figures_come_out(name: str) -> None:
    assert measures(MIXED, 252)[name] == pytest.approx(PUBLISHED[name], rel=1e-13)


def test_the_published_series_in_empyrical_itself() -> None:
    """What is published is what the fork that we compare with still says."""
    series = pd.Series(MIXED, index=pd.date_range("2000-01-03", periods=9))
    theirs = {
        "sharpe": empyrical.sharpe_ratio(series),
        "sortino": empyrical.sortino_ratio(series),
        "max_drawdown": empyrical.max_drawdown(series),
        "volatility": empyrical.annual_volatility(series),
        "annual_return": empyrical.annual_return(series),
        "calmar": empyrical.calmar_ratio(series),
    }
    assert theirs == pytest.approx(PUBLISHED, rel=1e-13)


@pytest.mark.parametrize("tail", [0.01, 0.05, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("rows", [1, 2, 19, 21, 299])
def test_tails_are_those_of_empyrical_reloaded(walk: Array, rows: int, tail: float) -> None:
    returns = (np.diff(walk) / walk[:-1])[:rows]
    ours = measures(returns, 252, tail=tail)
    assert ours["value_at_risk"] == pytest.approx(empyrical.value_at_risk(returns, tail))
    worst = empyrical.conditional_value_at_risk(returns, tail)
    assert ours["conditional_value_at_risk"] == pytest.approx(worst)


def test_a_loss_is_negative_in_the_tails_and_what_is_not_known_is_in_none() -> None:
    """By hand: of 21 returns the second worst is the 5 % quantile, and the worst two its tail."""
    returns = np.concatenate(([math.nan], np.arange(-10, 11) / 100))
    found = measures(returns, 252)
    assert found["value_at_risk"] == pytest.approx(-0.09)
    assert found["conditional_value_at_risk"] == pytest.approx(-0.095)
    assert measures(np.array([math.nan]), 252).keys() <= {
        "total_return",
        "annual_return",
        "max_drawdown",
        "max_drawdown_bars",
    }


def test_the_profit_factor_is_what_was_gained_over_what_was_lost() -> None:
    found = measures(np.array([0.03, -0.01, math.nan, 0.0, -0.01]), 252)
    assert found["profit_factor"] == pytest.approx(1.5)
    assert measures(np.array([-0.01, 0.0]), 252)["profit_factor"] == 0
    assert "profit_factor" not in measures(np.array([0.01, 0.0]), 252)


@pytest.mark.parametrize("bars_per_year", [252, 8760, 52])
def test_the_same_as_empyrical_reloaded(walk: Array, bars_per_year: int) -> None:
    returns = np.diff(walk) / walk[:-1]
    ours = measures(returns, bars_per_year)
    series = pd.Series(returns, index=pd.date_range("2020-01-01", periods=len(returns)))
    year = {"annualization": bars_per_year}
    theirs = {
        "total_return": empyrical.cum_returns_final(series),
        "annual_return": empyrical.annual_return(series, **year),
        "volatility": empyrical.annual_volatility(series, **year),
        "sharpe": empyrical.sharpe_ratio(series, **year),
        "sortino": empyrical.sortino_ratio(series, **year),
        "calmar": empyrical.calmar_ratio(series, **year),
        "max_drawdown": empyrical.max_drawdown(series),
        "value_at_risk": empyrical.value_at_risk(series),
        "conditional_value_at_risk": empyrical.conditional_value_at_risk(series),
    }
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=1e-11), name


def test_google_from_2009_to_2018(market_data: Path) -> None:
    close = pd.read_csv(market_data / "anytrading/STOCKS_GOOGL.csv")["Adj Close"].to_numpy()
    found = measures(np.diff(close) / close[:-1], 252)
    expected = {
        "total_return": 5.421273,
        "sharpe": 0.961308,
        "sortino": 1.460243,
        "max_drawdown": -0.304236,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_bitcoin_by_the_hour(market_data: Path) -> None:
    frame = pd.read_csv(market_data / "gymtradingenv/BTC_USD-Hourly.csv")
    close = frame["close"].to_numpy()[::-1]
    found = measures(np.diff(close) / close[:-1], 8760)
    expected = {
        "total_return": 3.955076,
        "sharpe": 0.933699,
        "sortino": 1.326798,
        "max_drawdown": -0.702862,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


DRAWDOWNS = {
    # name: (equity after each bar, from 1), depth, bars from the peak until it is reached again
    "never": ([1.1, 1.2], 0.0, 0),
    "at rest": ([1.0, 1.0], 0.0, 0),
    "from the first bar, recovered": ([0.5, 1.0, 2.0], -0.5, 2),
    "from the first bar, never recovered": ([0.5, 0.6, 0.8], -0.5, 3),
    "in the middle": ([2.0, 1.5, 1.0, 1.8, 2.0, 3.0], -0.5, 4),
    "overshot on the way back": ([2.0, 1.0, 5.0], -0.5, 2),
    "until the end": ([2.0, 1.5, 1.0, 1.8], -0.5, 3),
    "the deeper of two": ([2.0, 1.8, 2.0, 1.0, 2.5], -0.5, 2),
    "the first of two as deep": ([2.0, 1.0, 2.0, 1.5, 1.0, 1.5, 2.0], -0.5, 2),
    "after a plateau the last bar of it counts": ([2.0, 2.0, 2.0, 1.0, 2.0], -0.5, 2),
    "all is lost": ([2.0, 0.0, 0.0], -1.0, 2),
}


@pytest.mark.parametrize("name", DRAWDOWNS)
def test_the_deepest_fall_and_how_long_it_lasted(name: str) -> None:
    growth, depth, bars = DRAWDOWNS[name]
    before = np.concatenate(([1.0], growth[:-1]))
    returns = np.divide(growth, before, out=np.ones(len(growth)), where=before > 0) - 1.0
    found = measures(returns, 252)
    assert found["max_drawdown"] == pytest.approx(depth, abs=1e-15)
    assert found["max_drawdown_bars"] == bars


def test_what_is_not_defined_is_left_out() -> None:
    """Neither 0 nor infinite: a figure that there is not cannot be mistaken for one."""
    annual = {"annual_return", "volatility", "sharpe", "sortino", "calmar"}
    assert measures(np.array([]), 252) == {}
    assert not annual & set(measures(np.array([0.01, -0.02]), None))
    rising = measures(np.array([0.01, 0.02]), 252)
    assert {"sharpe", "volatility"} <= set(rising)
    assert not {"sortino", "calmar"} & set(rising)
    steady = measures(np.full(3, 0.1), 252)
    assert steady["volatility"] == 0
    assert "sharpe" not in steady
    assert not {"volatility", "sharpe", "sortino"} & set(measures(np.array([-0.01]), 252))


def test_growth_too_large_for_a_float_measures_nothing() -> None:
    assert measures(np.full(4, 1e200), 252) == {}
    assert measures(np.array([1e200, 1e200, -1.0]), 252) == {}


def test_an_annual_return_too_large_for_a_float_is_left_out() -> None:
    """Ten bars of five minutes that earn one per cent each, over a year."""
    found = measures(np.array([0.01] * 9 + [-0.001]), 105_120)
    assert not {"annual_return", "calmar"} & set(found)
    assert all(math.isfinite(value) for value in found.values())
    assert {"total_return", "sharpe", "max_drawdown"} <= set(found)


def test_a_return_that_is_not_known_earns_nothing() -> None:
    np.testing.assert_allclose(equity(np.array([0.5, math.nan, 1.0])), [1.5, 1.5, 3.0])


def test_what_is_lost_stays_lost() -> None:
    """A short position can lose more than all; nothing comes back from below nothing."""
    np.testing.assert_array_equal(equity(np.array([0.5, -1.5, 9.0])), [1.5, 0.0, 0.0])
    assert measures(np.array([0.5, -1.5, 9.0]), 252)["total_return"] == -1
