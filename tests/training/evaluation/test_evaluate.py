"""Measuring real models on the parts that were held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.config.load import parse_config
from training.data import DataManager
from training.errors import ConfigError, TrainingError
from training.evaluation import check_evaluation, evaluate, positions_of
from training.market import backtest
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
