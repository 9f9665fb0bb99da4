"""Checks that lean on libraries: calendars of exchanges, schemas of pandera."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data import DataManager

    Manage = Callable[..., DataManager]


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The module with schemas, importable as a user's own is."""
    pytest.importorskip("pandera", reason="pandera is an extra")
    monkeypatch.syspath_prepend(str(request.path.parent))
    monkeypatch.delitem(sys.modules, "own_schemas", raising=False)
    return "own_schemas"


def bars(days: pd.DatetimeIndex) -> pd.DataFrame:
    close = 100 + np.random.default_rng(1).normal(size=len(days)) / 10
    return pd.DataFrame({"date": days, "close": close, "volume": 5.0})


def gaps(manage: Manage, frame: pd.DataFrame, calendar: str) -> list[dict[str, Any]]:
    check = {"type": "gaps", "calendar": calendar, "longest": 0}
    findings = manage(frame, checks=[check]).load().description.get("findings", [])
    return [row for row in findings if row["check"] == "gaps"]


class TestExchange:
    """Days on which an exchange was open."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("exchange_calendars", reason="exchange_calendars is an extra")

    def open_days(self) -> pd.DatetimeIndex:
        """Of New York in the first half of 2024, as published: six holidays on weekdays."""
        closed = ["2024-01-01", "2024-01-15", "2024-02-19", "2024-03-29", "2024-05-27"]
        days = pd.bdate_range("2024-01-01", "2024-06-28")
        return days.drop(pd.to_datetime([*closed, "2024-06-19"]))

    def test_holidays_are_no_gap(self, manage: Manage) -> None:
        """Which by weekdays alone they are; in London other days are missing."""
        frame = bars(self.open_days())
        assert gaps(manage, frame, "XNYS") == []
        assert gaps(manage, frame, "weekdays")
        assert gaps(manage, frame, "XLON")

    def test_one_missing_day_is_a_gap(self, manage: Manage) -> None:
        frame = bars(self.open_days()).drop(index=40)
        (found,) = gaps(manage, frame, "XNYS")
        assert found["value"] == str(frame["date"][41])

    def test_minutes_in_utc_belong_to_the_day_of_the_exchange(self, manage: Manage) -> None:
        """Tokyo opens at midnight UTC, on the day that is already there."""
        days = [day for day in pd.bdate_range("2024-01-04", "2024-01-19") if day.day != 8]
        times = [day + pd.Timedelta(minutes=30 * at) for day in days for at in range(5)]
        frame = bars(pd.DatetimeIndex(times).tz_localize("UTC"))
        assert gaps(manage, frame, "XTKS") == []
        assert gaps(manage, frame[(frame["date"].dt.day != 11)], "XTKS")

    def test_an_exchange_that_there_is_not(self, manage: Manage) -> None:
        with pytest.raises(DataError, match="no exchange 'XNYX'; near it: XNYS"):
            gaps(manage, bars(self.open_days()), "XNYX")


class TestSchema:
    """A schema of pandera as a check."""

    @pytest.mark.parametrize("name", ["BARS", "Bars"])
    def test_all_that_it_refuses_is_told_with_rows_and_values(
        self, name: str, own: str, prices: pd.DataFrame, manage: Manage
    ) -> None:
        """Beside what our own checks find; not one after the other."""
        check = {"type": "schema", "schema_name": f"{own}:{name}"}
        manage(prices, checks=[check]).load()
        prices.loc[7, "volume"] = 0.0
        prices.loc[9, "volume"] = -1.0
        prices.loc[11, ["open", "high", "low", "close"]] = 5_000.0
        with pytest.raises(DataError) as caught:
            manage(prices, checks=[check]).load()
        message = str(caught.value)
        assert "row 8 is 0.0" in message
        assert "row 12 is 5000.0" in message
        assert f"refused by the schema {own}:{name}" in message
        assert "prices" in {row["check"] for row in caught.value.findings}

    def test_it_can_be_a_warning(self, own: str, prices: pd.DataFrame, manage: Manage) -> None:
        check = {"type": "schema", "schema_name": f"{own}:BARS", "level": "warning"}
        found = manage(prices.drop(columns="volume"), checks=[check]).load().description
        (finding,) = found["findings"]
        assert "volume" in finding["finding"]

    @pytest.mark.parametrize(
        ("name", "said"),
        [("BRAS", "did you mean 'BARS'"), ("NO_SCHEMA", "is no schema")],
    )
    def test_what_is_no_schema_is_said(
        self, name: str, said: str, own: str, prices: pd.DataFrame, manage: Manage
    ) -> None:
        check = {"type": "schema", "schema_name": f"{own}:{name}"}
        with pytest.raises(DataError, match=said):
            manage(prices, checks=[check]).load()

    def test_one_that_is_not_trusted_is_not_imported(
        self, own: str, prices: pd.DataFrame, manage: Manage
    ) -> None:
        check = {"type": "schema", "schema_name": f"{own}:BARS"}
        config = manage(prices, checks=[check]).config
        with pytest.raises(DataError, match="not trusted"):
            type(manage())(config, frame=prices, trusted=()).load()
        assert own not in sys.modules
