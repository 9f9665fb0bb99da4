"""The leakage guard finds planted leaks and passes every step that is shipped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.data import FeaturePipeline
from training.data.checking import find_leaks, require_causal
from training.data.lookback import LookBack
from training.data.scaling import Scaler
from training.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from training.data import DataManager
    from training.types import Array

    Manage = Callable[..., DataManager]

MODULE = "leaking_steps"
LEAKS = [
    *("centred", "next_close", "will_rise", "standardised", "ranked", "filled_backward"),
    *("interpolated", "smoothed", "from_the_end", "peak_ahead", "close_of_the_week"),
    "until_the_next",
]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def step(function: str, **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - keys of a section
    return {"type": f"{MODULE}:{function}", "columns": ["close"], "outputs": ["mine"]} | keys


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_an_error_that_names_step_and_column(
    leak: str, prices: pd.DataFrame, manage: Manage
) -> None:
    """On by default: no key of the configuration asks for it."""
    with pytest.raises(DataError) as caught:
        manage(prices, features=[{"type": "returns"}, step(leak)]).get_data()
    message = str(caught.value)
    assert f"step '{MODULE}:{leak}': column 'mine' of row " in message
    assert "it knows the future" in message
    assert "close_return" not in message
    assert "leakage" in {row["check"] for row in caught.value.findings}


def test_there_are_at_least_ten_planted_leaks() -> None:
    assert len(LEAKS) >= 10


SHIPPED: list[dict[str, Any]] = [
    {"type": "columns", "columns": ["close", "volume"]},
    {"type": "returns", "lags": 3},
    {"type": "lags", "lags": 3},
    {"type": "sma"},
    {"type": "ema"},
    {"type": "rsi"},
    {"type": "volatility"},
    {"type": "rolling", "statistics": ["mean", "std", "min", "max", "zscore"]},
    {"type": "calendar", "parts": ["weekday", "month", "day_of_month", "day_of_year"]},
    {"type": "macd"},
    {"type": "bollinger"},
    {"type": "atr"},
    {"type": "adx"},
    {"type": "aroon"},
    {"type": "obv"},
    step("trend", span=4, warm_up=4),
    step("two_honest", outputs=["held", "peak"]),
]


@pytest.mark.parametrize("feature", SHIPPED, ids=lambda feature: feature["type"])
def test_every_step_that_is_shipped_passes(feature: dict[str, Any], manage: Manage) -> None:
    """And so do honest ones of a user's own."""
    source = {"type": "sample"}
    data = manage(source=source, features=[feature]).get_data()
    assert "findings" not in data.description


BROKEN = [
    (step("random_numbers"), "gives another result for the same rows"),
    (step("fewer_rows"), "shape (30, 1); expected (60, 1)"),
    (step("failing"), "raised KeyError('clsoe')"),
    (step("words"), "made no table of numbers"),
    (step("late_start"), "no value is known for row 1 of the 60 that are used, though warm_up = 0"),
    (step("two_honest"), "shape (60, 2); expected (60, 1)"),
    (step("trend", period=3), "unexpected keyword argument 'period'"),
]


@pytest.mark.parametrize(("feature", "words"), BROKEN)
def test_a_step_that_is_broken_is_an_error_of_ours(
    feature: dict[str, Any], words: str, prices: pd.DataFrame, manage: Manage
) -> None:
    """Whatever a user's function does, the error names it and says what was expected."""
    with pytest.raises(DataError) as caught:
        manage(prices, features=[feature]).get_data()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("leaking_step:trend", "cannot be imported"),
        ("leaking_steps:trent", "did you mean 'trend'?"),
    ],
)
def test_a_step_that_is_not_there_is_an_error(
    reference: str, words: str, prices: pd.DataFrame, manage: Manage
) -> None:
    with pytest.raises(ConfigError) as caught:
        manage(prices, features=[step("trend") | {"type": reference}]).get_data()
    assert words in str(caught.value)


def test_the_guard_can_be_a_warning_or_off(prices: pd.DataFrame, manage: Manage) -> None:
    """Who knows better may say so, and the warning stays with the run."""
    keys = {"features": [step("centred")]}
    warned = manage(prices, **keys, checks=[{"type": "leakage", "level": "warning"}]).get_data()
    assert warned.description["findings"][0]["check"] == "leakage"
    off = manage(prices, **keys, checks=[{"type": "leakage", "level": "off"}]).get_data()
    assert "findings" not in off.description


TARGET = {"target": {"type": "column", "column": "y"}}


def test_the_target_in_disguise_is_found(prices: pd.DataFrame, manage: Manage) -> None:
    """A function may use the target of earlier rows, and not that of its own."""
    frame = prices.assign(y=np.random.default_rng(1).normal(size=60))
    with pytest.raises(DataError, match="'leaking_steps:of_target' changes with the target of the"):
        manage(frame, features=[step("of_target", columns=["y"])], **TARGET).get_data()
    honest = step("of_earlier_target", columns=["y"], warm_up=1)
    manage(frame, features=[honest], **TARGET).get_data()


def test_scaling_on_all_rows_is_found(prices: pd.DataFrame) -> None:
    """The guard takes any step from a table to numbers: here our own scaler, used wrongly."""

    def scaled(frame: pd.DataFrame, rows: int) -> Array:
        values = frame[["close"]].to_numpy()
        scaler = Scaler("standard", 1)
        scaler.fit(values[:rows])
        return scaler.apply(values)

    assert find_leaks(lambda frame: scaled(frame, 60), prices)
    assert not find_leaks(lambda frame: scaled(frame, 5), prices)


def test_a_window_that_looks_ahead_is_found(prices: pd.DataFrame) -> None:
    """Windows whose row is the first, not the last, of them."""
    windows = LookBack(3)

    def late(frame: pd.DataFrame) -> Array:
        return windows.windows(np.ascontiguousarray(np.pad(frame[["close"]], ((2, 0), (0, 0)))))

    def early(frame: pd.DataFrame) -> Array:
        return windows.windows(np.ascontiguousarray(np.pad(frame[["close"]], ((0, 2), (0, 0)))))

    require_causal("late", ["a", "b", "c"], late, prices)
    with pytest.raises(DataError, match=r"step 'early': column 'b' of row"):
        require_causal("early", ["a", "b", "c"], early, prices)


def test_a_change_in_later_rows_alone_is_no_leak(prices: pd.DataFrame) -> None:
    """A row may use all of itself."""
    assert find_leaks(lambda frame: frame["close"].to_numpy(), prices) == []
    assert find_leaks(lambda frame: frame["close"].cumsum().to_numpy(), prices) == []


def test_a_user_s_step_is_the_same_in_scoring(prices: pd.DataFrame, manage: Manage) -> None:
    """Stored by name with its settings, imported again only from a module that is trusted."""
    data = manage(prices, features=[step("trend", span=4, warm_up=4)]).get_data()
    state = data.pipeline.state_dict()
    again = FeaturePipeline.from_state(state, trusted=[MODULE])
    inputs = again.transform(prices)
    assert inputs[: len(data.train.x)].tobytes() == data.train.x.tobytes()
    assert again.input_names == ("mine",)
    with pytest.raises(ConfigError, match="--trust leaking_steps"):
        FeaturePipeline.from_state(state)
