"""Checks of tables that look right: each finds what it is for, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.data.checking import columns as column_checks
from training.data.checking.drift import drifts, ks_distance, stability_index
from training.data.earlier import Earlier
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data import DataManager

    Manage = Callable[..., DataManager]
    Change = Callable[[pd.DataFrame], pd.DataFrame]

MARKET = os.environ.get("RETRAIN_MARKET_DATA")


def at(row: int, **values: Any) -> Change:  # noqa: ANN401 - whatever a cell holds
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.copy()
        for name, value in values.items():
            changed.loc[row, name] = value
        return changed

    return change


def times(factor: float, row: int) -> Change:
    """All prices from a row on, so many times what they were."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.copy()
        changed.loc[row:, ["open", "high", "low", "close"]] *= factor
        return changed

    return change


def without(*rows: int) -> Change:
    return lambda frame: frame.drop(index=list(rows)).reset_index(drop=True)


def flat_end(frame: pd.DataFrame) -> pd.DataFrame:
    changed = frame.copy()
    changed.loc[48:, ["open", "high", "low", "close"]] = 50.0
    return changed


# What is done to good prices, the kind of check that says so, and the words that matter.
SUSPECT: list[tuple[Change, str, str]] = [
    (at(7, high=1.0), "prices", "high below the low"),
    (at(7, low=999.0), "prices", "high below the low"),
    (at(7, close=1.0), "prices", "not between low and high"),
    (at(7, open=999.0), "prices", "not between low and high"),
    (at(7, volume=-1.0), "prices", "volume cannot be below 0"),
    (
        lambda frame: frame.assign(open_interest=5.0),
        "constant",
        "'open_interest' is 5 in every row",
    ),
    (
        lambda frame: frame.assign(extra=frame["volume"].where(frame.index % 10 > 0)),
        "missing",
        "'extra' is missing in 10.0% of the rows, which is more than 5.0%",
    ),
    (without(*range(20, 26)), "gaps", "more than 5 bars are missing before it, at most 6"),
    (times(0.5, 30), "splits", "a jump as a split makes it"),
    (times(10.0, 30), "splits", "a jump as a split makes it"),
    (times(3.7, 30), "outliers", "a return too far from the others (+2"),
    (flat_end, "stale", "has not moved for 10 rows"),
]


@pytest.mark.parametrize(("change", "kind", "words"), SUSPECT)
def test_a_suspicion_is_told_with_its_check(
    change: Change, kind: str, words: str, prices: pd.DataFrame, manage: Manage
) -> None:
    """As an error it ends the run, as a warning it is a row of the findings, off it is silent."""
    frame = change(prices)
    with pytest.raises(DataError) as caught:
        manage(frame, checks=[{"type": kind, "level": "error"}]).load()
    assert words in str(caught.value)
    assert any(row["check"] == kind and row["level"] == "error" for row in caught.value.findings)
    rows = manage(frame, checks=[{"type": kind, "level": "warning"}]).load().description["findings"]
    told = [row["finding"] for row in rows if row["check"] == kind]
    assert any(words.rsplit("' ", maxsplit=1)[-1] in text for text in told)
    quiet = manage(frame, checks=[{"type": kind, "level": "off"}]).load().description
    assert all(row["check"] != kind for row in quiet.get("findings", []))


def test_a_warning_is_logged_in_one_line(
    prices: pd.DataFrame, manage: Manage, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody has to look into a record to see it."""
    manage(without(*range(20, 26))(prices)).get_data()
    (line,) = caplog.messages
    assert line.startswith("the DataFrame: gaps: date row 21 2024-01-27 00:00:00: more than 5 bars")


def test_good_prices_have_no_finding(prices: pd.DataFrame, manage: Manage) -> None:
    assert "findings" not in manage(prices).get_data().description


@pytest.mark.parametrize("name", ["sp500", "nasdaq"])
def test_twenty_years_of_an_index_have_no_finding(name: str, manage: Manage) -> None:
    """The default checks are for what is broken: crashes, holidays and 2001-09-11 are not."""
    description = manage(source={"type": "sample", "name": name}).get_data().description
    assert "findings" not in description


def test_wild_prices_are_not_taken_for_splits(manage: Manage) -> None:
    """Where prices halve and double every other day, a half is nothing unusual."""
    random = np.random.default_rng(2)
    close = 100 * np.exp(random.choice([0.0, 0.4, 0.7, 1.1], size=200))
    frame = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=200), "close": close})
    assert "findings" not in manage(frame).load().description


REAL = {
    "anytrading/STOCKS_GOOGL.csv": "Close",
    "anytrading/FOREX_EURUSD_1H_ASK.csv": "Close",
    "zipline/AAPL.csv.gz": "close",
    "zipline/KO.csv.gz": "close",
    "gymtradingenv/BTC_USD-Hourly.csv": "close",
}


@pytest.mark.skipif(MARKET is None, reason="RETRAIN_MARKET_DATA names no folder of market data")
@pytest.mark.parametrize("file", REAL)
def test_real_tables_are_accepted(file: str, manage: Manage) -> None:
    """Daily and hourly prices as people download them pass the default checks."""
    column = REAL[file]
    source: dict[str, Any] = {"type": "csv", "path": str(Path(str(MARKET), file))}
    if "BTC" in file:
        source |= {"time_column": "date"}
    target = {"type": "direction", "column": column}
    features = [{"type": "returns", "column": column, "lags": 3}]
    manage(source=source, features=features, target=target).get_data()


def test_findings_of_all_checks_come_at_once(prices: pd.DataFrame, manage: Manage) -> None:
    """Of a table that cannot be read and cannot be right, everything is told in one error."""
    frame = times(0.5, 30)(at(7, high=1.0)(prices)).assign(same=1.0)
    checks = [{"type": kind, "level": "error"} for kind in ("splits", "constant")]
    with pytest.raises(DataError) as caught:
        manage(frame, checks=checks, target={"type": "direction", "column": "clse"}).load()
    kinds = {row["check"] for row in caught.value.findings}
    assert kinds == {"read", "prices", "splits", "constant", "outliers"}
    for row in caught.value.findings:
        assert all(value is None or isinstance(value, str) for value in row.values())


def test_a_check_that_fails_itself_hides_no_other(
    prices: pd.DataFrame, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one check cannot cope with is a finding, and the others go on."""

    def broken(*_: object) -> float:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(column_checks, "_distance", broken)
    with pytest.raises(DataError) as caught:
        manage(at(7, high=1.0)(prices)).load()
    assert "the check 'outliers' failed itself: ZeroDivisionError('of all things')" in str(
        caught.value
    )
    assert "high below the low" in str(caught.value)


def test_what_is_checked_is_no_part_of_the_identity(manage: Manage) -> None:
    """Looking closer makes no new run."""
    plain, strict = manage(), manage(checks=[{"type": "gaps", "level": "error"}])
    assert plain.config.identity() == strict.config.identity()


@pytest.mark.parametrize(
    ("frequency", "rows", "calendar", "missing", "found"),
    [
        ("B", 60, "auto", [], False),  # weekends are no gap
        ("B", 60, "auto", range(20, 26), True),
        ("D", 60, "weekdays", range(20, 26), False),  # four weekdays of six days
        ("D", 60, "weekdays", range(20, 29), True),
        ("B", 60, "always", [], False),  # two days a weekend are tolerated
        ("h", 400, "auto", range(30, 37), True),
        ("h", 400, "auto", range(30, 35), False),
    ],
)
def test_gaps_are_counted_by_the_calendar(
    frequency: str,
    rows: int,
    calendar: str,
    missing: list[int] | range,
    found: bool,
    manage: Manage,
) -> None:
    """Bars that nobody expects are not missing."""
    days = pd.date_range("2024-01-01", periods=rows, freq=frequency)
    close = 100 + np.random.default_rng(1).normal(size=rows)
    frame = pd.DataFrame({"date": days, "close": close}).drop(index=list(missing))
    checks = [{"type": "gaps", "level": "warning", "calendar": calendar}]
    findings = manage(frame, checks=checks).load().description.get("findings", [])
    assert bool(findings) == found


def test_sessions_have_no_gap_at_night(manage: Manage) -> None:
    """Minutes of a stock exchange: nights and weekends are no gap, an hour at noon is."""
    days = pd.date_range("2024-01-01", periods=8, freq="B")
    bars = [day + pd.Timedelta(hours=9, minutes=30 + at) for day in days for at in range(390)]
    close = 100 + np.random.default_rng(1).normal(size=len(bars)) / 10
    frame = pd.DataFrame({"time": bars, "close": close})
    assert "findings" not in manage(frame).load().description
    rows = manage(frame.drop(index=range(500, 560))).load().description["findings"]
    assert [row["check"] for row in rows] == ["gaps"]
    assert rows[0]["value"] == str(bars[560])


def test_a_table_that_ends_too_early_is_stale(prices: pd.DataFrame, manage: Manage) -> None:
    """The age is counted to the end that is asked for, and to the present without one."""
    stale = {"type": "stale", "level": "error", "max_age": "P3D"}
    source = {"type": "dataframe", "end": "2024-03-03T00:00"}
    manage(prices, source=source, checks=[stale]).load()
    for end in ({"end": "2024-03-04"}, {}):
        with pytest.raises(DataError, match=r"the last row is .* old, which is more than 3 days"):
            manage(prices, source={"type": "dataframe"} | end, checks=[stale]).load()


class TestRevised:
    """History that was written anew."""

    def test_new_rows_are_no_revision(self, prices: pd.DataFrame, manage: Manage) -> None:
        """A table that goes on, or begins later, is what it was where both have it."""
        before = manage(prices[:50]).load().description
        for now in (prices, prices[10:], prices[5:45]):
            found = again(now, before, manage)
            assert "findings" not in found

    @pytest.mark.parametrize("row", [0, 24, 49])
    def test_an_old_row_with_another_value_is_one(
        self, row: int, prices: pd.DataFrame, manage: Manage
    ) -> None:
        before = manage(prices[:50]).load().description
        changed = at(row, volume=1.0)(prices)
        (found,) = again(changed, before, manage)["findings"]
        assert found["check"] == "revised"
        assert "in 1 of 16 stretches" in str(found["finding"])

    def test_a_row_that_came_later_into_the_past_is_one(
        self, prices: pd.DataFrame, manage: Manage
    ) -> None:
        before = manage(prices.drop(index=21)).load().description
        assert again(prices, before, manage)["findings"]

    def test_a_table_that_was_seen_itself_hides_no_revision(
        self, prices: pd.DataFrame, manage: Manage
    ) -> None:
        """An earlier attempt on the revised table does not make it the history."""
        before = manage(prices[:50]).load().description
        changed = at(24, volume=1.0)(prices)
        attempt = manage(changed).load().description
        config = manage(changed).config
        earlier = Earlier((attempt, before))
        found = type(manage())(config, frame=changed, earlier=earlier).load().description
        assert [row["check"] for row in found["findings"]] == ["revised"]


def again(frame: pd.DataFrame, before: dict[str, Any], manage: Manage) -> dict[str, Any]:
    config = manage(frame).config
    return type(manage())(config, frame=frame, earlier=Earlier((before,))).load().description


class TestDrift:
    """The latest rows against the past, by the past's own standard."""

    def test_distances_by_hand(self) -> None:
        """Half of the recent values lie above all past ones; equal samples are 0 apart."""
        past, recent = np.arange(10.0), np.array([1.0, 3.0, 20.0, 21.0])
        assert ks_distance(past, recent) == 0.5
        assert ks_distance(past, past) == 0
        assert stability_index(past, past) == pytest.approx(0)
        assert stability_index(past, recent) > 0.3

    @pytest.mark.parametrize("statistic", ["ks", "psi"])
    def test_another_distribution_is_found(self, statistic: Any) -> None:  # noqa: ANN401 - a literal
        """Three deviations more spread in the last stretch alone."""
        values = np.random.default_rng(0).normal(size=(2000, 2))
        values[-50:, 1] *= 4
        found = drifts(values, ["a", "b"], rows=50, statistic=statistic)
        assert [one.drifted for one in found] == [False, True]

    def test_a_short_past_says_nothing(self) -> None:
        assert drifts(np.zeros((1000, 1)), ["a"], rows=50) == []

    def test_calm_markets_are_not_flagged(self, manage: Manage) -> None:
        """Over twenty years of the S&P 500 some quarters are unusual, not every one."""
        table = manage(source={"type": "sample"}).load().frame
        returns = np.log(table["adj_close"]).diff().to_numpy()[1:]
        series = pd.Series(returns)
        spread, trend = series.rolling(20).std(), series.rolling(60).mean()
        features = np.column_stack([returns, spread, trend])[60:]
        flagged = [
            sum(one.drifted for one in drifts(features[:end], list("abc"), rows=63)) >= 2
            for end in range(63 * 25, len(features), 63)
        ]
        assert 0 < np.mean(flagged) < 0.25

    def test_it_is_told_when_asked_for(self, prices: pd.DataFrame, manage: Manage) -> None:
        """As a check of the configuration it names the features and their distances."""
        random = np.random.default_rng(0)
        frame = pd.DataFrame({"a": random.normal(size=900), "y": random.normal(size=900)})
        frame.loc[870:, "a"] += 5
        keys: dict[str, Any] = {
            "features": [{"type": "columns", "columns": ["a"]}],
            "target": {"type": "column", "column": "y"},
        }
        drift = {"type": "drift", "level": "warning", "rows": 30}
        (row,) = manage(frame, **keys, checks=[drift]).get_data().description["findings"]
        assert "unlike those before in 1 of 1 features (ks: a " in row["finding"]
        assert "findings" not in manage(frame, **keys).get_data().description
