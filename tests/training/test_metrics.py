"""Numbers, weighted means, and which of two values is better."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.errors import ConfigError, MetricError
from training.metrics import MeanOf, MetricSums, Monitor, number


@pytest.mark.parametrize(
    "value", [1, 1.0, np.float32(1), np.int64(1), np.array(1.0), np.array([1.0])]
)
def test_numpy_scalars_are_numbers(value: object) -> None:
    assert number("loss", value) == 1.0
    assert type(number("loss", value)) is float


@pytest.mark.parametrize("value", ["0.5", b"1", None, True, np.bool_(1), np.ones(2), {}, 1j])
def test_anything_else_is_an_error_that_names_the_metric(value: object) -> None:
    with pytest.raises(MetricError, match="'loss'"):
        number("loss", value)


def test_means_are_weighted_by_the_sizes_of_the_batches() -> None:
    sums = MetricSums()
    sums.add({"loss": 1.0}, 30)
    sums.add({"loss": 4.0}, 10)
    assert sums.means("val_") == {"val_loss": 1.75}


def test_a_metric_counts_where_it_was_measured_and_is_missing_where_it_never_was() -> None:
    sums = MetricSums()
    sums.add({"loss": 1.0}, 10)
    sums.add({"loss": 1.0, "auc": 0.5}, 10)
    assert sums.means() == {"loss": 1.0, "auc": 0.5}
    assert MetricSums().means() == {}


def test_sums_go_on_exactly_from_their_state() -> None:
    values = np.random.default_rng(0).normal(size=20)
    whole, first, second = MetricSums(), MetricSums(), MetricSums()
    for i, value in enumerate(values):
        whole.add({"loss": float(value)}, 7)
        if i < 11:
            first.add({"loss": float(value)}, 7)
    second.load_state_dict(first.state_dict())
    for value in values[11:]:
        second.add({"loss": float(value)}, 7)
    assert second.means() == whole.means()


def test_the_name_says_whether_lower_is_better() -> None:
    assert Monitor("val_loss").lower_is_better
    assert not Monitor("val_accuracy").lower_is_better
    assert Monitor("test_max_drawdown").lower_is_better
    with pytest.raises(ConfigError, match="mode: min or mode: max"):
        Monitor("val_thing")
    assert not Monitor("val_thing", "max").lower_is_better


def test_nan_is_never_better_and_anything_is_better_than_nan() -> None:
    monitor = Monitor("loss")
    assert not monitor.better(math.nan, 1.0)
    assert not monitor.better(math.nan, None)
    assert monitor.better(1.0, math.nan)
    assert monitor.better(0.5, 1.0, by=0.4)
    assert not monitor.better(0.5, 1.0, by=0.5)


def test_a_watched_metric_that_is_not_measured_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(MetricError, match="did you mean 'val_loss'"):
        Monitor("val_los", "min").value({"loss": 1.0, "val_loss": 1.0})


def test_a_mean_over_other_things_than_rows_counts_as_much_as_it_says() -> None:
    """A batch in which no episode ended does not count, one with three counts three times."""
    sums = MetricSums()
    for reward in (MeanOf(10.0, 1), None, MeanOf(2.0, 3)):
        told = {"loss": 1.0} if reward is None else {"loss": 1.0, "reward": reward}
        sums.add(told, 64)
    assert sums.means() == {"loss": 1.0, "reward": 4.0}
    again = MetricSums()
    again.load_state_dict(sums.state_dict())
    again.add({"reward": MeanOf(12.0, 4)}, 64)
    assert again.means()["reward"] == 8.0
