"""Where rows come from must not matter, and a window must mean the same everywhere."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import numpy as np
import pandas as pd
import pytest

from training.data.sources.paths import without_secrets
from training.data.table import fingerprint
from training.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data import DataManager

    Manage = Callable[..., DataManager]


def csv_text(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False)


def put_csv(frame: pd.DataFrame) -> dict[str, Any]:
    Path("prices.csv").write_text(csv_text(frame))
    return {"type": "csv", "path": "prices.csv"}


def put_gzip(frame: pd.DataFrame) -> dict[str, Any]:
    Path("prices.csv.gz").write_bytes(gzip.compress(csv_text(frame).encode()))
    return {"type": "csv", "path": "prices.csv.gz"}


def put_semicolons(frame: pd.DataFrame) -> dict[str, Any]:
    frame.to_csv("other.csv", sep=";", index=False)
    return {"type": "csv", "path": "other.csv", "separator": ";"}


def put_csv_of_index(frame: pd.DataFrame) -> dict[str, Any]:
    frame.set_index("date").to_csv("indexed.csv")
    return {"type": "csv", "path": "indexed.csv"}


def put_parquet(frame: pd.DataFrame) -> dict[str, Any]:
    frame.to_parquet("prices.parquet")
    return {"type": "parquet", "path": "prices.parquet"}


def put_parquet_of_index(frame: pd.DataFrame) -> dict[str, Any]:
    frame.set_index("date").to_parquet("indexed.parquet")
    return {"type": "parquet", "path": "indexed.parquet"}


def put_folder(frame: pd.DataFrame) -> dict[str, Any]:
    Path("bars").mkdir()
    for number, at in enumerate(range(0, len(frame), 25)):
        frame[at : at + 25].to_parquet(f"bars/{number}.parquet")
    return {"type": "parquet", "path": "bars"}


def put_glob(frame: pd.DataFrame) -> dict[str, Any]:
    for number, at in enumerate(range(0, len(frame), 25)):
        Path(f"part-{number}.csv").write_text(csv_text(frame[at : at + 25]))
    return {"type": "csv", "path": "part-*.csv"}


def put_memory(frame: pd.DataFrame) -> dict[str, Any]:
    with fsspec.open("memory://shelf/prices.csv", "w") as file:
        file.write(csv_text(frame))
    return {"type": "csv", "path": "memory://shelf/prices.csv"}


def put_memory_parquet(frame: pd.DataFrame) -> dict[str, Any]:
    with fsspec.open("memory://shelf/prices.parquet", "wb") as file:
        frame.to_parquet(file)
    return {"type": "parquet", "path": "memory://shelf/prices.parquet"}


WAYS = [
    put_csv,
    put_gzip,
    put_semicolons,
    put_csv_of_index,
    put_parquet,
    put_parquet_of_index,
    put_folder,
    put_glob,
    put_memory,
    put_memory_parquet,
]


@pytest.mark.parametrize("put", WAYS, ids=lambda put: put.__name__.removeprefix("put_"))
def test_the_same_table_from_anywhere_is_the_same_data(
    put: Callable[[pd.DataFrame], dict[str, Any]], prices: pd.DataFrame, manage: Manage
) -> None:
    """One fingerprint, and features and targets that are equal to the last bit."""
    expected = manage(prices).get_data()
    found = manage(source=put(prices)).get_data()
    assert found.fingerprint == expected.fingerprint
    for part in ("train", "validation", "test"):
        ours, theirs = getattr(found, part), getattr(expected, part)
        for array in ("x", "y", "times", "forward_returns"):
            np.testing.assert_array_equal(getattr(ours, array), getattr(theirs, array))


def test_an_index_of_times_is_a_time_column(prices: pd.DataFrame, manage: Manage) -> None:
    """A DataFrame that is indexed by its times means the same as one with a column of them."""
    indexed = manage(prices.set_index("date")).load()
    assert indexed.time == "date"
    assert indexed.fingerprint == manage(prices).load().fingerprint


def test_times_come_first_wherever_they_stand(prices: pd.DataFrame, manage: Manage) -> None:
    """Writers put an index first or last; the order of the other columns is kept."""
    last = prices[["open", "high", "low", "close", "volume", "date"]]
    assert manage(last).load().fingerprint == manage(prices).load().fingerprint


def test_a_handed_over_frame_is_left_as_it_was(prices: pd.DataFrame, manage: Manage) -> None:
    before = prices[::-1].copy()
    mine = before.copy()
    manage(mine, on_missing="drop").get_data()
    pd.testing.assert_frame_equal(mine, before)


@pytest.mark.parametrize("column", ["date", "open", "close", "volume"])
@pytest.mark.parametrize("row", [0, 31, 59])
def test_an_edited_cell_is_other_data(prices: pd.DataFrame, column: str, row: int) -> None:
    """The smallest change of any value, in a used column or not, changes the fingerprint."""
    values = prices[column].to_numpy(copy=True)
    if column == "date":
        values = values.astype("datetime64[ns]")
        values[row] += np.timedelta64(1, "ns")
    else:
        values[row] = np.nextafter(values[row], np.inf)
    assert fingerprint(prices.assign(**{column: values})) != fingerprint(prices)


def test_names_and_borders_of_cells_are_part_of_the_fingerprint() -> None:
    """What is written next to each other is not mistaken for one."""
    tables = [
        pd.DataFrame({"a": ["xy", "z"]}),
        pd.DataFrame({"a": ["x", "yz"]}),
        pd.DataFrame({"b": ["xy", "z"]}),
        pd.DataFrame({"a": ["xy", None]}),
        pd.DataFrame({"a": [1.0, 2.0]}),
        pd.DataFrame({"a": [1.0, None]}),
        pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}),
        pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]}),
    ]
    assert len({fingerprint(table) for table in tables}) == len(tables)


def test_how_pandas_holds_values_is_no_part_of_the_fingerprint() -> None:
    """Dtypes differ between libraries and versions; the values are what counts."""
    tables = [
        pd.DataFrame({"n": [1, 0, 3], "t": ["a", "b", None]}),
        pd.DataFrame({"n": [1.0, -0.0, 3.0], "t": pd.Categorical(["a", "b", None])}),
        pd.DataFrame({"n": np.array([1, 0, 3], dtype="int8"), "t": ["a", "b", np.nan]}),
        pd.DataFrame({"n": ["1", "0", "3.0"], "t": pd.array(["a", "b", None], dtype="string")}),
        pd.DataFrame({"n": pd.array([1, 0, 3], dtype="Int64"), "t": ["a", "b", None]}),
    ]
    assert len({fingerprint(table) for table in tables}) == 1


WINDOWS: list[tuple[Any, Any, int, int]] = [
    (dt.date(2024, 1, 5), dt.date(2024, 2, 10), 4, 40),
    (dt.date(2024, 1, 5), None, 4, 59),
    (None, dt.date(2024, 2, 10), 0, 40),
    (dt.datetime(2024, 1, 5, 12), None, 5, 59),  # noqa: DTZ001 - as the table writes its times
    (dt.datetime(2024, 1, 5, tzinfo=dt.UTC), dt.datetime(2024, 2, 10, tzinfo=dt.UTC), 4, 40),
    (dt.date(1, 1, 1), dt.date(9999, 12, 31), 0, 59),
]


@pytest.mark.parametrize(("start", "end", "first", "last"), WINDOWS)
@pytest.mark.parametrize("put", [put_csv, put_parquet, put_folder, None])
def test_a_window_includes_both_its_ends(
    put: Callable[[pd.DataFrame], dict[str, Any]] | None,
    prices: pd.DataFrame,
    manage: Manage,
    start: Any,  # noqa: ANN401 - whatever means a time
    end: Any,  # noqa: ANN401 - whatever means a time
    first: int,
    last: int,
) -> None:
    """`start` and `end` are read too; an end that is a date means the whole of that day."""
    source = put(prices) if put else {"type": "dataframe"}
    source |= {key: at for key, at in (("start", start), ("end", end)) if at is not None}
    table = manage(None if put else prices, source=source, min_rows=1).load()
    pd.testing.assert_frame_equal(
        table.frame, prices[first : last + 1].reset_index(drop=True), check_dtype=False
    )


def test_the_end_of_a_day_includes_its_last_bar(manage: Manage) -> None:
    """Of hourly bars an end without a time of day includes all 24."""
    hours = pd.date_range("2024-01-01", periods=240, freq="h")
    frame = pd.DataFrame({"time": hours, "close": np.linspace(10, 20, 240)})
    source = {"type": "dataframe", "start": "2024-01-02", "end": "2024-01-03"}
    assert len(manage(frame, source=source).load().frame) == 48


def test_a_window_of_zoned_times_is_in_utc(prices: pd.DataFrame, manage: Manage) -> None:
    """Times in New York are brought to UTC; a bound without a zone is meant as UTC."""
    zoned = prices.assign(date=prices["date"].dt.tz_localize("America/New_York"))
    source = {"type": "dataframe", "start": "2024-01-02T05:00", "end": "2024-02-01T05:00"}
    table = manage(zoned, source=source).load()
    assert str(table.frame["date"].dt.tz) == "UTC"
    assert table.description["first"] == "2024-01-02 05:00:00+00:00"
    assert len(table.frame) == 31
    assert "brought there from America/New_York" in table.description["notes"][0]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_only_the_columns_asked_for_are_read(
    kind: str, prices: pd.DataFrame, manage: Manage
) -> None:
    """Besides those, only the time column comes."""
    source = (put_csv if kind == "csv" else put_parquet)(prices)
    table = manage(source=source | {"columns": ["volume", "close"]}).load()
    assert list(table.frame.columns) == ["date", "close", "volume"]


def test_the_password_in_a_url_is_never_told(manage: Manage) -> None:
    """A source is named without the user in its URL; a password must not be in one."""
    with pytest.raises(DataError) as caught:
        manage(source={"type": "csv", "path": "gopher://me@host/prices.csv"}).load()
    assert "me@" not in str(caught.value)
    assert "@host/prices.csv" in str(caught.value)
    with pytest.raises(ConfigError, match="URL with a password") as refused:
        manage(source={"type": "csv", "path": "gopher://me:secret@host/prices.csv"})
    assert "secret" not in str(refused.value)
    assert without_secrets("s3://bucket/a@b.csv") == "s3://bucket/a@b.csv"


def test_files_of_a_folder_are_read_in_the_order_of_their_names(
    prices: pd.DataFrame, manage: Manage
) -> None:
    """The order in which a file system lists them does not matter, nor files of other kinds."""
    source = put_folder(prices)
    Path("bars/.hidden.parquet").write_bytes(b"no table")
    Path("bars/notes.txt").write_text("no table")
    table = manage(source=source).load()
    assert table.description["notes"] == ["3 files"]
    assert table.fingerprint == manage(prices).load().fingerprint


@pytest.mark.parametrize("name", ["sp500", "nasdaq"])
def test_the_sample_is_twenty_years_of_days(name: str, manage: Manage) -> None:
    """5031 days of a real index are read and have no fault."""
    table = manage(source={"type": "sample", "name": name}).load()
    assert (table.description["first"], table.description["last"]) == ("1999-01-04", "2018-12-31")
    assert table.description["rows"] == 5031
    assert list(table.frame.columns)[:2] == ["date", "open"]
