"""Measuring real models on the parts that were held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.config.load import parse_config
from training.data import DataManager
from training.errors import ConfigError, TrainingError
from training.evaluation import check_evaluation, earned, evaluate, positions_of
from training.market import backtest, rearranged
from training.models import ModelFactory
from training.types import ModelSpec

if TYPE_CHECKING:
    from training.config import EvaluationConfig
    from training.data import Dataset
    from training.models import Model
    from training.types import Array, Batch, Metrics


def _prices(rows: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(8)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, rows)))
    return pd.DataFrame({"date": pd.bdate_range("2024-01-01", periods=rows), "close": close})


def _data(target: str = "direction", **split: float) -> Dataset:
    keys: dict[str, Any] = {
        "source": {"type": "dataframe"},
        "features": [{"type": "returns", "lags": 2}],
        "target": {"type": target},
        "split": {"validation": 0.2, "test": 0.2} | split,
    }
    return DataManager(parse_config({"data": keys}).data, frame=_prices()).get_data()


def _model(data: Dataset) -> Model:
    kind = "logistic" if data.task == "binary" else "linear"
    config = parse_config({"model": {"type": kind}}).model
    return ModelFactory().get_model(config, ModelSpec(len(data.features), task=data.task, seed=3))


def _evaluation(**backtest: Any) -> EvaluationConfig:  # noqa: ANN401 - keys of the section
    return parse_config({"evaluation": {"backtest": backtest}}).evaluation


@pytest.mark.parametrize("target", ["direction", "return"])
def test_losses_are_those_of_the_whole_part_at_once(target: str) -> None:
    from training.types import Batch

    data = _data(target)
    model = _model(data)
    found = evaluate(model, data, _evaluation(), batch_size=7)
    for prefix, part in (("val_", data.validation), ("test_", data.test)):
        whole = model.evaluate_on_batch(Batch(part.x, part.y))
        for name, value in whole.items():
            assert found[prefix + name] == pytest.approx(value, rel=1e-6), name


@pytest.mark.parametrize("target", ["direction", "return"])
def test_the_strategy_follows_the_predictions_and_stands_beside_buy_and_hold(target: str) -> None:
    data = _data(target)
    model = _model(data)
    found = evaluate(model, data, _evaluation(cost_bps=5), batch_size=7)
    level = 0.5 if target == "direction" else 0.0
    for prefix, part in (("val_", data.validation), ("test_", data.test)):
        assert part.forward_returns is not None
        long = np.asarray(model.predict(part.x)).ravel() > level
        assert 0 < long.sum() < len(long)
        for name, positions in (("backtest", long * 1.0), ("buy_and_hold", np.ones(len(long)))):
            earned = backtest(positions, part.forward_returns, cost_bps=5)
            for key, value in earned.measures(data.bars_per_year).items():
                assert found[f"{prefix}{name}_{key}"] == pytest.approx(value), (name, key)


def test_all_baselines_stand_beside_it_and_each_can_be_left_out() -> None:
    data = _data()
    model = _model(data)
    found = evaluate(model, data, _evaluation())
    said = [one for one in map(earned, found) if one]
    named = {"backtest", "buy_and_hold", "flat", "moving_average", "random"}
    assert {one.strategy for one in said} == named
    assert {one.part for one in said} == {"val", "test"}
    less = evaluate(model, data, _evaluation(baselines=[{"type": "flat"}]))
    assert {one.strategy for one in map(earned, less) if one} == {"backtest", "flat"}
    assert less.items() <= found.items()


def test_of_what_stays_in_cash_only_what_is_defined_is_shown() -> None:
    found = evaluate(_model(_data()), _data(), _evaluation(baselines=[{"type": "flat"}]))
    flat = {one.measure: found[name] for name in found if (one := earned(name))
            and one.strategy == "flat"}  # fmt: skip
    assert set(flat.values()) == {0}
    assert {"total_return", "max_drawdown", "turnover", "exposure"} <= set(flat)
    assert not {"sharpe", "sortino", "calmar", "hit_rate", "profit_factor"} & set(flat)


def test_random_trades_are_the_model_s_at_other_moments_and_follow_the_seed() -> None:
    data = _data()
    model = _model(data)
    random: dict[str, Any] = {"baselines": [{"type": "random", "draws": 5}]}
    found = [evaluate(model, data, _evaluation(**random), seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1]
    assert found[0] != found[2]
    for prefix in ("val_", "test_"):
        for name in ("turnover", "exposure"):
            own = found[0][f"{prefix}backtest_{name}"]
            assert found[0][f"{prefix}random_{name}"] == pytest.approx(own, rel=1e-12)
        assert found[0][f"{prefix}random_sharpe"] != found[0][f"{prefix}backtest_sharpe"]


def test_of_random_trades_the_median_is_shown() -> None:
    data = _data(validation=0.0)
    model = _model(data)
    rule = _evaluation().backtest
    assert rule is not None
    assert data.test.forward_returns is not None
    own = positions_of(np.asarray(model.predict(data.test.x)), "binary", rule)
    draws = np.random.default_rng(3)
    sharpes = [
        backtest(rearranged(own, draws), data.test.forward_returns, cost_bps=5).measures(
            data.bars_per_year
        )["sharpe"]
        for _ in range(9)
    ]
    random = {"baselines": [{"type": "random", "draws": 9}]}
    found = evaluate(model, data, _evaluation(**random), seed=3)
    assert found["test_random_sharpe"] == pytest.approx(np.median(sharpes))


@pytest.mark.parametrize("short", [False, True])
def test_a_moving_average_is_known_from_the_first_bar_of_a_part(short: bool) -> None:
    """Its long mean begins before the part; by pandas, over the whole series."""
    cross = {"type": "moving_average", "fast": 3, "slow": 10}
    data = _data()
    found = evaluate(_model(data), data, _evaluation(baselines=[cross], short=short))
    close = _prices()["close"]
    fast, slow = close.rolling(3).mean(), close.rolling(10).mean()
    below = -1.0 if short else 0.0
    decided = pd.Series(np.where(fast > slow, 1.0, below), index=_prices()["date"])
    for prefix, part in (("val_", data.validation), ("test_", data.test)):
        assert part.forward_returns is not None
        positions = decided.loc[pd.DatetimeIndex(part.times)].to_numpy()
        assert 0 < (positions == 1).sum() < len(positions)
        earned_by = backtest(positions, part.forward_returns, cost_bps=5)
        for key, value in earned_by.measures(data.bars_per_year).items():
            assert found[f"{prefix}moving_average_{key}"] == pytest.approx(value), key


def test_a_moving_average_stays_in_cash_where_no_rows_are_before() -> None:
    cross = {"type": "moving_average", "fast": 3, "slow": 119}
    found = evaluate(_model(_data()), _data(), _evaluation(baselines=[cross]))
    assert found["val_moving_average_exposure"] == 0
    assert found["test_moving_average_exposure"] <= 2 / len(_data().test.x)


def test_the_confidence_of_the_tails_can_be_said() -> None:
    data = _data()
    model = _model(data)
    found = [evaluate(model, data, _evaluation(tail=tail)) for tail in (0.05, 0.5)]
    assert found[0]["test_buy_and_hold_value_at_risk"] < found[1]["test_buy_and_hold_value_at_risk"]
    assert found[0]["test_buy_and_hold_sharpe"] == found[1]["test_buy_and_hold_sharpe"]


@pytest.mark.parametrize(
    ("baselines", "said"),
    [
        ([{"type": "moving_average", "fast": 50, "slow": 20}], "fast = 50 has to be below slow"),
        ([{"type": "random"}, {"type": "random", "draws": 3}], "'random' is there twice"),
        ([{"type": "holding"}], "'holding': known: buy_and_hold, flat, moving_average"),
    ],
)
def test_baselines_that_make_no_sense_are_refused(
    baselines: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        _evaluation(baselines=baselines)


def test_what_is_new_in_the_section_makes_no_other_run_of_an_old_one() -> None:
    """A default baseline or tail is not part of a run's identity, another one is."""
    old = {"cost_bps": 5.0, "threshold": 0.5, "short": False}
    assert _evaluation().identity() == {"backtest": old}
    assert _evaluation(tail=0.01).identity() == {"backtest": {**old, "tail": 0.01}}


def test_a_part_without_rows_is_not_measured() -> None:
    data = _data(test=0.0)
    found = evaluate(_model(data), data, _evaluation())
    assert found
    assert all(name.startswith("val_") for name in found)


def test_without_a_backtest_there_are_losses_alone() -> None:
    data = _data()
    config = parse_config({"evaluation": {"backtest": None}}).evaluation
    found = evaluate(_model(data), data, config)
    assert {name.removeprefix("val_").removeprefix("test_") for name in found} == {
        "loss",
        "accuracy",
    }


def test_measuring_changes_nothing_of_the_model() -> None:
    data = _data()
    model = _model(data)
    before = model.state_dict()["weights"]
    first = evaluate(model, data, _evaluation())
    assert first == evaluate(model, data, _evaluation())
    for name, array in model.state_dict()["weights"].items():
        np.testing.assert_array_equal(array, before[name])


class Says:
    """A model whose predictions are what it was told to say."""

    def __init__(self, predictions: Array, loss: float = 1.0) -> None:
        self.predictions = predictions
        self.loss = loss

    def train_on_batch(self, batch: Batch) -> Metrics:
        raise AssertionError("evaluation trains nothing")

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        return {"loss": self.loss}

    def predict(self, x: Array) -> Array:
        return self.predictions[: len(x)]

    def state_dict(self) -> dict[str, Any]:
        return {"weights": {}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_predictions_that_are_not_finite_are_an_error_that_says_how_many(bad: float) -> None:
    data = _data()
    predictions = np.full(100, 0.7)
    predictions[3] = bad
    rows = len(data.validation.x)
    with pytest.raises(TrainingError, match=rf"{rows} rows, {rows - 1} of its values finite"):
        evaluate(Says(predictions), data, _evaluation())


def test_predictions_of_several_numbers_a_row_are_an_error() -> None:
    with pytest.raises(TrainingError, match="one finite number a row"):
        evaluate(Says(np.full((100, 2), 0.7)), _data(), _evaluation())


def test_predictions_in_a_column_are_as_good_as_in_a_row() -> None:
    data = _data()
    flat = np.linspace(0, 1, 100)
    column = evaluate(Says(flat[:, None]), data, _evaluation())
    assert column == evaluate(Says(flat), data, _evaluation())


def test_a_metric_that_is_not_finite_is_left_out() -> None:
    found = evaluate(Says(np.full(100, 0.7), loss=np.inf), _data(), _evaluation())
    assert "val_loss" not in found
    assert "val_backtest_total_return" in found


def test_positions_follow_the_stated_rule() -> None:
    predictions = np.array([0.0, 0.5, 0.51, 1.0])
    rule = _evaluation().backtest
    assert rule is not None
    np.testing.assert_array_equal(positions_of(predictions, "binary", rule), [0, 0, 1, 1])
    strict = rule.model_copy(update={"threshold": 0.9, "short": True})
    np.testing.assert_array_equal(positions_of(predictions, "binary", strict), [-1, -1, -1, 1])
    values = np.array([-0.1, 0.0, 0.1])
    np.testing.assert_array_equal(positions_of(values, "regression", strict), [-1, -1, 1])
    np.testing.assert_array_equal(positions_of(values, "regression", rule), [0, 0, 1])


def test_a_backtest_of_a_target_that_is_no_price_is_refused() -> None:
    config = parse_config(
        {"data": {"target": {"type": "column", "column": "y"}}, "evaluation": {"backtest": {}}}
    )
    with pytest.raises(ConfigError, match=r"evaluation\.backtest needs a target made of a price"):
        check_evaluation(config.data, config.evaluation)


@pytest.mark.parametrize("target", ["direction", "return"])
def test_a_backtest_of_a_price_is_accepted(target: str) -> None:
    config = parse_config({"data": {"target": {"type": target}}, "evaluation": {"backtest": {}}})
    check_evaluation(config.data, config.evaluation)
