"""Windows of the past: views that overlap, one for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.data import FeaturePipeline, epoch_batches
from training.data.lookback import LookBack
from training.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from training.data import DataManager

    Manage = Callable[..., DataManager]

FEATURES = [{"type": "returns", "lags": 2}, {"type": "columns", "columns": ["volume"]}]


@pytest.mark.parametrize("flat", [True, False])
def test_a_window_is_a_view_of_the_rows_before(*, flat: bool) -> None:
    """Oldest first, the row itself last, and not a byte is copied."""
    values = np.arange(20.0).reshape(10, 2)
    windows = LookBack(3, flat=flat).windows(values)
    assert windows.shape == ((8, 6) if flat else (8, 3, 2))
    assert np.shares_memory(windows, values)
    assert not windows.flags.writeable
    for row in range(8):
        assert windows[row].ravel().tolist() == values[row : row + 3].ravel().tolist()


def test_fewer_rows_than_a_window_make_none() -> None:
    assert LookBack(3).windows(np.zeros((2, 4))).shape == (0, 12)


@pytest.mark.parametrize("flat", [True, False])
def test_parts_with_windows_have_the_rows_of_parts_without(
    flat: bool, prices: pd.DataFrame, manage: Manage
) -> None:
    """The last row of a window is the row itself: same labels, and rows before it from the past."""
    keys = {"features": FEATURES, "dtype": "float64", "scaler": "none"}
    split = {"validation": 0.2, "test": 0.2}
    plain = manage(prices, **keys, split={"validation": 0, "test": 0}).get_data()
    look_back, window = (4, None) if flat else (1, 4)
    manager = manage(prices, **keys, split=split, look_back=look_back)
    data = manager.knowing(window=window).get_data()
    assert plain.train.times is not None
    for part in (data.train, data.validation, data.test):
        assert part.times is not None
        at = np.searchsorted(plain.train.times, part.times)
        for row, place in enumerate(at):
            expected = plain.train.x[place - 3 : place + 1].ravel()
            assert part.x[row].ravel().tolist() == expected.tolist()
        assert part.y.tolist() == plain.train.y[at].tolist()
    assert len(data.features) == (12 if flat else 3)
    assert data.features[-1] == "volume"
    assert data.features[0] == ("close_return_0_back_3" if flat else "close_return_0")


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_of_windows_are_contiguous(
    flat: bool, shuffle: bool, prices: pd.DataFrame, manage: Manage
) -> None:
    """Only a batch at a time is copied together."""
    look_back, window = (4, None) if flat else (1, 4)
    part = manage(prices, look_back=look_back).knowing(window=window).get_data().train
    batches = list(epoch_batches(part, batch_size=7, seed=1, epoch=0, shuffle=shuffle))
    assert all(batch.x.flags.c_contiguous for batch in batches)
    rows = np.concatenate([batch.x for batch in batches])
    assert sorted(map(bytes, rows)) == sorted(map(bytes, np.ascontiguousarray(part.x)))


def test_a_stored_pipeline_looks_back_in_scoring(prices: pd.DataFrame, manage: Manage) -> None:
    """A prediction needs the rows of its window; the inputs are those of training."""
    data = manage(prices, features=FEATURES, look_back=4).get_data()
    again = FeaturePipeline.from_state(data.pipeline.state_dict())
    assert again.warm_up == 5
    inputs = again.transform(prices)
    assert len(inputs) == len(prices) - 5
    assert inputs[: len(data.train.x)].tobytes() == np.ascontiguousarray(data.train.x).tobytes()


def test_a_flat_window_trains_a_model(train: Callable[..., object]) -> None:
    """A perceptron sees three rows at once, without being told of windows."""
    train(data={"look_back": 3})


def test_a_window_and_a_look_back_are_refused(train: Callable[..., object]) -> None:
    """Rows one after the other, or on an axis of their own: not both."""
    model = {"type": "torch", "network": {"type": "lstm"}, "window": 5}
    with pytest.raises(ConfigError, match=r"data\.look_back = 3 .* model\.window = 5"):
        train(data={"look_back": 3}, model=model)
