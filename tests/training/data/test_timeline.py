"""Order and reading of times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data import DataManager

    Manage = Callable[..., DataManager]


def test_newest_first_is_turned_round_and_said(prices: pd.DataFrame, manage: Manage) -> None:
    """A table in reverse is the same table, and a note says what was done."""
    table = manage(prices[::-1]).load()
    assert table.fingerprint == manage(prices).load().fingerprint
    assert table.description["notes"] == ["newest first: turned round"]


def test_of_rows_with_one_time_the_last_can_be_kept(prices: pd.DataFrame, manage: Manage) -> None:
    """`on_duplicates: last` keeps the row that stands last, where it stands."""
    better = float(prices["low"][30])
    corrected = prices.loc[[30]].assign(close=better)
    doubled = pd.concat([prices[:31], corrected, prices[31:]], ignore_index=True)
    table = manage(doubled, on_duplicates="last").load()
    expected = prices.copy()
    expected.loc[30, "close"] = better
    pd.testing.assert_frame_equal(table.frame, expected, check_dtype=False)


def test_rows_with_gaps_can_be_left_out(prices: pd.DataFrame, manage: Manage) -> None:
    """`on_missing: drop` leaves out rows without a time or a used value, and no other."""
    holed = prices.copy()
    holed.loc[5, "close"] = np.nan
    holed.loc[6, "close"] = np.inf
    holed.loc[7, "volume"] = np.nan  # not used
    holed.loc[8, "date"] = pd.NaT
    table = manage(holed, on_missing="drop").load()
    expected = prices["date"].drop(index=[5, 6, 8]).tolist()
    assert table.frame["date"].tolist() == expected


def test_rows_without_times_keep_their_order(prices: pd.DataFrame, manage: Manage) -> None:
    shuffled = prices.drop(columns="date").sample(frac=1, random_state=3)
    table = manage(shuffled).load()
    assert table.time is None
    assert table.frame["close"].tolist() == shuffled["close"].tolist()


DAY = pd.Timestamp("2024-03-05")
WRITTEN = [
    ("%Y-%m-%d", None),
    ("%Y%m%d", None),
    ("%Y-%m-%dT%H:%M:%S", None),
    ("%Y-%m-%d %H:%M", None),
    ("%d.%m.%Y", "dates read day first"),
    ("%m/%d/%Y", "dates read month first"),
    ("%d-%m-%Y %H:%M:%S", "dates read day first"),
    ("%Y-%m-%dT%H:%M:%SZ", "times in UTC"),
    ("%Y-%m-%dT%H:%M:%S+0000", "times in UTC"),
]


@pytest.mark.parametrize(("pattern", "note"), WRITTEN)
def test_ways_to_write_a_date(
    pattern: str, note: str | None, prices: pd.DataFrame, manage: Manage
) -> None:
    """Each is read as the same days, and a reading that a person should know of is said."""
    written = prices.assign(date=prices["date"].dt.strftime(pattern))
    table = manage(written).load()
    plain = table.frame["date"].dt.tz_localize(None)
    assert plain.tolist() == prices["date"].tolist()
    assert table.description.get("notes") == ([note] if note else None)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_numbers_since_1970_are_read_in_their_unit(
    unit: Any,  # noqa: ANN401 - a unit of pandas
    prices: pd.DataFrame,
    manage: Manage,
) -> None:
    """The size of the numbers says whether they count seconds or parts of them."""
    counted = prices["date"].dt.as_unit(unit).astype("int64")
    for numbers in (counted, counted.astype("float64") if unit != "ns" else counted):
        table = manage(prices.assign(date=numbers)).load()
        assert table.frame["date"].tolist() == prices["date"].tolist()


def test_numbers_that_are_dates_are_read_as_such(prices: pd.DataFrame, manage: Manage) -> None:
    """20240131 is a day, not a number of seconds since 1970; a note says so."""
    table = manage(prices.assign(date=prices["date"].dt.strftime("%Y%m%d").astype("int64"))).load()
    assert table.frame["date"].tolist() == prices["date"].tolist()
    assert table.description["notes"] == ["dates read as YYYYMMDD"]


def test_nanoseconds_are_kept(manage: Manage) -> None:
    """Two ticks a nanosecond apart are two times."""
    first = pd.Timestamp("2024-01-01").value
    ticks = pd.DataFrame({"time": first + np.arange(40), "close": np.arange(1.0, 41)})
    times = manage(ticks, features=[{"type": "returns"}]).load().frame["time"]
    assert times.astype("int64").tolist() == ticks["time"].tolist()


def test_local_dates_without_leading_zeros(prices: pd.DataFrame, manage: Manage) -> None:
    """1/31/2024 says that the month comes first; 2/1/2024 is then the first of February."""
    days = [f"{at.month}/{at.day}/{at.year}" for at in prices["date"]]
    table = manage(prices.assign(date=days)).load()
    assert table.frame["date"].tolist() == prices["date"].tolist()


def test_times_of_several_zones_are_one_line_of_time(prices: pd.DataFrame, manage: Manage) -> None:
    """Offsets that change in the middle, as in spring, are brought to UTC."""
    offsets = ["-05:00"] * 30 + ["-04:00"] * 30
    texts = [
        f"{at:%Y-%m-%d}T09:30:00{end}" for at, end in zip(prices["date"], offsets, strict=True)
    ]
    times = manage(prices.assign(date=texts)).load().frame["date"]
    assert times.dt.hour.tolist() == [14] * 30 + [13] * 30


@pytest.mark.parametrize(
    ("keys", "last"),
    [
        ({"as_of": "2024-02-01"}, "2024-02-01"),
        ({"as_of": "2024-02-20", "end": "2024-02-10"}, "2024-02-10"),
        ({"as_of": "2024-02-01", "end": "2024-02-20"}, "2024-02-01"),
        ({"as_of": "2024-02-01T23:00:00+00:00", "end": "2024-02-20"}, "2024-02-01"),
    ],
)
def test_no_row_is_later_than_as_of(
    keys: dict[str, str], last: str, prices: pd.DataFrame, manage: Manage
) -> None:
    """The earlier one of `end` and `as_of` counts; the data are those of that end."""
    found = manage(prices, source={"type": "dataframe"} | keys).load()
    expected = manage(prices, source={"type": "dataframe", "end": last}).load()
    assert found.fingerprint == expected.fingerprint
    assert str(found.frame["date"].iloc[-1])[:10] == last
