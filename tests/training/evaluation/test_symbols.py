"""A backtest of several symbols: equal parts of the capital, each traded by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.config.load import parse_config
from training.data import DataManager
from training.evaluation import check_evaluation, compare, evaluate, traded
from training.market import backtest, moving_average_cross
from training.models import ModelFactory
from training.types import ModelSpec

if TYPE_CHECKING:
    from training.config import RunConfig
    from training.data import Dataset
    from training.types import Array

SYMBOLS = ("AAA", "BBB", "CCC")
BARS = 150


def _config(**backtest_keys: Any) -> RunConfig:  # noqa: ANN401 - keys of the section
    data = {
        "source": {"type": "dataframe"},
        "features": [{"type": "returns", "lags": 2}],
        "symbol_column": "symbol",
    }
    return parse_config({"data": data, "evaluation": {"backtest": backtest_keys}})


def _closes() -> pd.DataFrame:
    random = np.random.default_rng(4)
    walks = 100 * np.exp(np.cumsum(random.normal(0, 0.02, (BARS, 3)), axis=0))
    return pd.DataFrame(
        walks, columns=list(SYMBOLS), index=pd.bdate_range("2024-01-01", periods=BARS)
    )


def _table(closes: pd.DataFrame) -> pd.DataFrame:
    long = closes.rename_axis("date").reset_index().melt("date", var_name="symbol")
    return long.rename(columns={"value": "close"}).dropna().sort_values(["date", "symbol"])


def _data(closes: pd.DataFrame) -> Dataset:
    manager = DataManager(_config().data, frame=_table(closes).reset_index(drop=True))
    return manager.get_data()


def _moments(data: Dataset) -> Array:
    assert data.test.times is not None
    return np.unique(data.test.times)


def _by_hand(closes: pd.DataFrame, positions: pd.DataFrame, moments: Any) -> Array:  # noqa: ANN401 - times of NumPy
    """Equity of equal parts, each with its own positions; in loops over symbols and bars."""
    money = dict.fromkeys(closes, 1.0)
    held: dict[Any, float] = dict.fromkeys(closes, 0.0)
    found = []
    for moment in moments:
        at = int(closes.index.searchsorted(pd.Timestamp(moment)))
        for symbol in closes:
            position = float(positions[symbol].iloc[at])
            paid = abs(position - held[symbol]) * 0.0005
            grown = closes[symbol].iloc[at + 1] / closes[symbol].iloc[at] - 1
            money[symbol] *= 1 + position * grown - paid
            held[symbol] = position
        found.append(sum(money.values()) / len(money))
    return np.array(found)


def test_holding_several_symbols_is_buying_equal_parts() -> None:
    closes, data = _closes(), _data(_closes())
    moments = _moments(data)
    ones = pd.DataFrame(1.0, index=closes.index, columns=closes.columns)
    found = traded(data.test, np.ones(len(data.test.x)), 5)
    np.testing.assert_allclose(found.equity, _by_hand(closes, ones, moments), rtol=1e-12)
    assert len(moments) < len(data.test.x)


def test_each_symbol_is_traded_by_its_own_positions_and_its_own_moving_average() -> None:
    closes, data = _closes(), _data(_closes())
    crosses = closes.apply(lambda one: moving_average_cross(one.to_numpy(), 3, 12))
    rule = _config(
        cost_bps=5, baselines=[{"type": "moving_average", "fast": 3, "slow": 12}]
    ).evaluation.backtest
    assert rule is not None
    own = np.zeros(len(data.test.x))
    found = compare(data.test, own, rule, data.bars_per_year)
    expected = _by_hand(closes, crosses, _moments(data))
    assert found["moving_average_total_return"] == pytest.approx(expected[-1] - 1, rel=1e-10)
    assert found["backtest_total_return"] == 0


def test_random_trades_keep_the_turnover_of_each_symbol() -> None:
    data = _data(_closes())
    rule = _config(baselines=[{"type": "random", "draws": 3}]).evaluation.backtest
    assert rule is not None
    own = (np.random.default_rng(1).random(len(data.test.x)) > 0.5) * 1.0
    found = compare(data.test, own, rule, data.bars_per_year)
    # Shares of the capital drift with what each symbol earns: the same but for that.
    assert found["random_turnover"] == pytest.approx(found["backtest_turnover"], rel=0.05)
    assert found["random_exposure"] == pytest.approx(found["backtest_exposure"], rel=0.05)
    assert found["random_total_return"] != found["backtest_total_return"]


def test_a_symbol_that_is_alone_is_measured_as_a_table_of_one() -> None:
    closes = _closes()[["AAA"]]
    data = _data(closes)
    assert data.test.forward_returns is not None
    found = traded(data.test, np.ones(len(data.test.x)), 5)
    alone = backtest(np.ones(len(data.test.x)), data.test.forward_returns, cost_bps=5)
    np.testing.assert_array_equal(found.returns, alone.returns)


def test_a_model_of_several_symbols_is_measured_with_all_baselines() -> None:
    """One begins late, one ends early, one has a gap."""
    closes = _closes()
    closes.iloc[:140, 0] = np.nan
    closes.iloc[135:, 1] = np.nan
    closes.iloc[128:133, 2] = np.nan
    config, data = _config(), _data(closes)
    check_evaluation(config.data, config.evaluation)
    spec = ModelSpec(len(data.features), task=data.task, seed=3)
    model = ModelFactory().get_model(parse_config({"model": {"type": "logistic"}}).model, spec)
    found = evaluate(model, data, config.evaluation)
    for name in ("backtest", "buy_and_hold", "moving_average", "random"):
        assert np.isfinite(found[f"test_{name}_total_return"])
        assert 0 <= found[f"test_{name}_exposure"] <= 1
    # The parts' bars are those of all symbols together.
    assert data.bars_per_year == pytest.approx(365.25 * 5 / 7, rel=0.02)


def test_a_moving_average_never_reaches_into_another_symbol() -> None:
    """A symbol that began just before the part is in cash until its own long mean is known."""
    closes = _closes()[["AAA", "BBB"]]
    closes["AAA"] *= 0.01  # means that mixed the two would say: long
    closes.iloc[:110, 1] = np.nan
    data = _data(closes)
    cross = {"type": "moving_average", "fast": 3, "slow": 30}
    rule = _config(cost_bps=5, baselines=[cross]).evaluation.backtest
    assert rule is not None
    found = compare(data.test, np.zeros(len(data.test.x)), rule, data.bars_per_year)
    crosses = pd.DataFrame(
        {
            symbol: pd.Series(
                moving_average_cross(closes[symbol].dropna().to_numpy(), 3, 30),
                index=closes[symbol].dropna().index,
            )
            for symbol in closes
        }
    ).reindex(closes.index)
    expected = _by_hand(closes, crosses, _moments(data))
    assert found["moving_average_total_return"] == pytest.approx(expected[-1] - 1, rel=1e-10)
