"""The first two steps: rows up to a moment in one order, and the user's own function."""

from __future__ import annotations

import datetime as dt
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from training.config.pipeline import TransformConfig
from training.config.sources import CsvSource
from training.errors import ConfigError, DataError
from training.etl.rows import InOrder, extract_rows, transform_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.retraining import Moment


@pytest.fixture
def source(tmp_path: Path) -> CsvSource:
    """Ten days, of two symbols, newest first."""
    days = pd.date_range("2024-01-01", periods=10)
    frames = [pd.DataFrame({"day": days, "symbol": name, "close": 1.0}) for name in "ba"]
    frame = pd.concat(frames).iloc[::-1]
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return CsvSource(path=str(tmp_path / "rows.csv"), time_column="day")


def test_rows_are_in_one_order_whatever_order_they_came_in(
    source: CsvSource, tmp_path: Path
) -> None:
    """A database gives rows of one time in any order; they must not be another table for it."""
    first = extract_rows(source, None)
    pd.read_csv(source.path).sample(frac=1, random_state=1).to_csv(source.path, index=False)
    pd.testing.assert_frame_equal(extract_rows(source, None).frame, first.frame)
    assert first.frame["symbol"].tolist()[:2] == ["a", "b"]


@pytest.mark.parametrize(
    ("as_of", "last"),
    [
        (dt.date(2024, 1, 5), "2024-01-05"),
        (dt.datetime(2024, 1, 5, 3, tzinfo=dt.UTC), "2024-01-04"),  # that day is not over
        (dt.datetime(2024, 1, 5, tzinfo=dt.UTC), "2024-01-05"),
        (None, "2024-01-10"),
    ],
)
def test_no_row_after_the_moment_and_none_of_a_day_that_is_not_over(
    source: CsvSource, as_of: Moment | None, last: str
) -> None:
    assert extract_rows(source, as_of).frame["day"].max() == pd.Timestamp(last)


def test_what_is_wrong_is_said_with_the_key_of_this_configuration(source: CsvSource) -> None:
    with pytest.raises(DataError, match="there is no row up to 2020-01-01"):
        extract_rows(source, dt.date(2020, 1, 1))
    with pytest.raises(DataError, match=r"has no column 'when'"):
        extract_rows(source.model_copy(update={"time_column": "when"}), None)
    timeless = source.model_copy(update={"time_column": None})
    with pytest.raises(DataError, match=r"need times; name extract\.time_column"):
        extract_rows(timeless, dt.date(2024, 1, 5))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda _frame: 1, "gave a int; expected a DataFrame"),
        (lambda frame: frame.head(0), "gave no rows"),
        (lambda frame: frame["nothing"], r"raised KeyError\('nothing'\)"),
    ],
)
def test_a_function_that_does_not_give_a_table_is_told(
    made: Callable[[pd.DataFrame], object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("own_transform")
    vars(module)["make"] = made
    monkeypatch.setitem(sys.modules, "own_transform", module)
    rows = InOrder(pd.DataFrame({"a": [1.0]}), None)
    with pytest.raises(DataError, match=message):
        transform_rows(TransformConfig(type="own_transform:make"), rows)
    with pytest.raises(ConfigError, match="has no function 'mak'; did you mean 'make'"):
        transform_rows(TransformConfig(type="own_transform:mak"), rows)
