"""Broken tables and files, each with what is said of it: none gets through, none is a traceback.

The whole table stands in `BROKEN`: what is wrong, how such a thing comes about, and the words
that must be in the one error: the place, the bad value, and the way out.
"""

from __future__ import annotations

import gzip
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.config.load import parse_config
from training.data import DataManager
from training.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 60
MARKS = [b",", b"\n", b'"', b"", b"nan", b"-", b"1e999"]
LISTS: list[Any] = [[1, 2]] * ROWS
FEATURES = [{"type": "returns", "lags": 2}]


class Given(NamedTuple):
    """Keys of the section `data`, and a frame for a source of type `dataframe`."""

    keys: dict[str, Any]
    frame: pd.DataFrame | None = None


@dataclass(frozen=True)
class Broken:
    """One thing that is wrong.

    Attributes:
        name: what.
        make: puts it there; everything below the working directory is free.
        says: what the error must say.
        keys: of the section `data`, besides the source.
        error: the kind of error.
    """

    name: str
    make: Callable[[], Given]
    says: tuple[str, ...]
    keys: dict[str, Any] = field(default_factory=dict)
    error: type[Exception] = DataError


def good() -> pd.DataFrame:
    """A table with nothing wrong, as text would be read."""
    random = np.random.default_rng(5)
    close = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.02, ROWS))), 2)
    date = pd.date_range("2024-01-01", periods=ROWS, freq="D").strftime("%Y-%m-%d")
    return pd.DataFrame({"date": date, "close": close, "volume": np.arange(1000.0, 1000 + ROWS)})


def text(lines: int | None = None) -> str:
    return "".join(good().to_csv(index=False).splitlines(keepends=True)[:lines])


def csv(content: str | bytes, name: str = "prices.csv", **source: Any) -> Given:  # noqa: ANN401 - keys of a source
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Given({"source": {"type": "csv", "path": name} | source})


def edited(row: int, column: str, value: Any) -> Given:  # noqa: ANN401 - whatever a cell holds
    """A CSV with another value in one cell; rows count from 0."""
    frame = good().astype("object")
    frame.loc[row, column] = value
    return csv(frame.to_csv(index=False))


def dated(dates: list[Any]) -> Given:
    """A CSV with other dates."""
    return csv(good().assign(date=dates).to_csv(index=False))


def handed(frame: pd.DataFrame | None, **source: Any) -> Given:  # noqa: ANN401 - keys of a source
    return Given({"source": {"type": "dataframe"} | source}, frame)


def parquet(frame: pd.DataFrame, name: str = "prices.parquet") -> Given:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(name)
    return Given({"source": {"type": "parquet", "path": name}})


def bytes_as_parquet(content: bytes) -> Given:
    Path("prices.parquet").write_bytes(content)
    return Given({"source": {"type": "parquet", "path": "prices.parquet"}})


def cut_parquet() -> Given:
    made = parquet(good())
    path = Path("prices.parquet")
    path.write_bytes(path.read_bytes()[:-200])
    return made


def folder(*frames: pd.DataFrame) -> Given:
    for number, frame in enumerate(frames):
        csv(frame.to_csv(index=False), f"bars/{number}.csv")
    return Given({"source": {"type": "csv", "path": "bars"}})


def empty_folder() -> Given:
    Path("bars").mkdir()
    Path("bars/readme.txt").write_text("nothing")
    return Given({"source": {"type": "csv", "path": "bars"}})


def source(**keys: Any) -> Given:  # noqa: ANN401 - keys of a source
    return Given({"source": keys})


def dates(pattern: str, rows: int = ROWS, start: str = "2024-01-01") -> list[str]:
    return list(pd.date_range(start, periods=rows).strftime(pattern))


def with_classes(values: list[int]) -> pd.DataFrame:
    return good().assign(kind=np.resize(values, ROWS))


def twice_ordered() -> list[str]:
    found = dates("%Y-%m-%d")
    found[10], found[11] = found[11], found[10]
    return found


def mixed_zones() -> list[str]:
    return [f"{day}T00:00:00{'Z' if at != 30 else ''}" for at, day in enumerate(dates("%Y-%m-%d"))]


KIND = {"target": {"type": "column", "column": "kind", "task": "multiclass"}}
BINARY = {"target": {"type": "column", "column": "kind", "task": "binary"}}

BROKEN = [
    # files
    Broken(
        "a file that is not there",
        lambda: source(type="csv", path="nowhere/prices.csv"),
        ("nowhere/prices.csv", "there is no such file", "relative to the working directory"),
    ),
    Broken(
        "a file whose name is misspelt",
        lambda: csv(text()) and source(type="csv", path="price.csv"),
        ("price.csv", "no such file", "did you mean 'prices.csv'"),
    ),
    Broken(
        "a glob that matches nothing",
        lambda: csv(text()) and source(type="csv", path="*.tsv"),
        ("*.tsv", "no such file"),
    ),
    Broken(
        "a folder without a table",
        empty_folder,
        ("bars", "folder without a file that ends in .csv"),
    ),
    Broken(
        "a file system that there is no way to",
        lambda: source(type="csv", path="gopher://host/prices.csv"),
        ("gopher://host/prices.csv", "cannot be reached"),
    ),
    Broken("an empty CSV", lambda: csv(""), ("prices.csv", "is empty", "expected a header")),
    Broken(
        "a CSV with a header alone",
        lambda: csv(text(1)),
        ("prices.csv", "0 rows", "data.min_rows"),
    ),
    Broken(
        "a CSV of a page that says error",
        lambda: csv("<html>\n<body>\n<p>403, forbidden</p>\n</body>\n</html>\n"),
        ("prices.csv", "equally many fields"),
    ),
    Broken(
        "bytes that are no text",
        lambda: csv(bytes(range(256)) * 20),
        ("prices.csv",),
    ),
    Broken(
        "a CSV in Latin-1",
        lambda: csv(text().replace("close", "schluß").encode("latin-1")),
        ("prices.csv", "not UTF-8", "save it as UTF-8"),
    ),
    Broken(
        "a CSV in UTF-16",
        lambda: csv(text().encode("utf-16")),
        ("prices.csv", "not UTF-8"),
    ),
    Broken(
        "a row with more fields than the header",
        lambda: csv(text().replace("2024-01-09,", "2024-01-09,1,")),
        ("prices.csv", "equally many fields"),
    ),
    Broken(
        "a row with fewer fields than the header",
        lambda: csv(text(20) + "2024-01-20\n" + "".join(text().splitlines(keepends=True)[21:])),
        ("'close'", "row 20 is missing"),
    ),
    Broken(
        "a compressed file that was cut off",
        lambda: csv(gzip.compress(text().encode())[:-40], "prices.csv.gz"),
        ("prices.csv.gz", "cannot be read"),
    ),
    Broken(
        "a compressed file that is none",
        lambda: csv(text(), "prices.csv.gz"),
        ("prices.csv.gz", "cannot be read"),
    ),
    Broken(
        "a CSV called Parquet",
        lambda: bytes_as_parquet(text().encode()),
        ("prices.parquet", "cannot be read as Parquet"),
    ),
    Broken(
        "an empty Parquet file",
        lambda: bytes_as_parquet(b""),
        ("prices.parquet", "cannot be read as Parquet"),
    ),
    Broken(
        "a Parquet file that was cut off",
        cut_parquet,
        ("prices.parquet", "cannot be read as Parquet"),
    ),
    Broken(
        "a folder of files with different columns",
        lambda: folder(good()[:30], good()[30:].drop(columns="volume")),
        ("bars/1.csv", "date, close", "date, close, volume", "need the same"),
    ),
    Broken(
        "a folder whose files overlap in time",
        lambda: folder(good()[:40], good()[30:]),
        ("'date'", "bars/0.csv row 31", "stands again", "data.on_duplicates: last"),
    ),
    Broken(
        "no DataFrame handed over",
        lambda: handed(None),
        ("none was handed over", "DataManager(config, frame"),
    ),
    # columns
    Broken(
        "two columns of one name",
        lambda: csv(text().replace("volume", "close", 1)),
        ("two columns 'close'", "rename one"),
    ),
    Broken(
        "two columns of one name in a DataFrame",
        lambda: handed(good().rename(columns={"volume": "close"})),
        ("the DataFrame", "two columns 'close'", "rename one"),
    ),
    Broken(
        "a column that is misspelt",
        lambda: csv(text().replace("close", "clsoe", 1)),
        ("no column 'close'", "did you mean 'clsoe'"),
    ),
    Broken(
        "a column in capitals",
        lambda: csv(text().replace("close", "Close", 1)),
        ("no column 'close'", "did you mean 'Close'"),
    ),
    Broken(
        "a column asked for that is not there",
        lambda: csv(text(), columns=["close", "adj_close"]),
        ("no column 'adj_close'", "did you mean 'close'"),
    ),
    Broken(
        "a time column that is not there",
        lambda: csv(text(), time_column="when"),
        ("no column 'when'", "known: close, date, volume"),
    ),
    Broken(
        "semicolons between fields",
        lambda: csv(text().replace(",", ";")),
        ("its only column is 'date;close;volume'", "data.source.separator to ';'"),
    ),
    # numbers
    Broken(
        "text where a number should be",
        lambda: edited(7, "close", "n/a yet"),
        ("column 'close'", "row 8 is 'n/a yet'", "no number", "1234.5"),
    ),
    Broken(
        "a decimal comma",
        lambda: csv(text().replace(",", ";").replace(".", ","), separator=";"),
        ("column 'close'", "no number", "1234.5"),
    ),
    Broken(
        "a thousands separator",
        lambda: edited(3, "close", "1,234.5"),
        ("column 'close'", "row 4 is '1,234.5'", "no number"),
    ),
    Broken(
        "a missing price",
        lambda: edited(7, "close", None),
        ("column 'close'", "row 8 is missing", "data.on_missing: drop"),
    ),
    Broken(
        "an infinite price",
        lambda: edited(7, "close", "inf"),
        ("column 'close'", "row 8 is inf", "not finite"),
    ),
    Broken(
        "a price of zero",
        lambda: edited(7, "close", 0),
        ("column 'close'", "row 8 is 0.0", "above 0"),
    ),
    Broken(
        "a negative price",
        lambda: edited(7, "close", -3.5),
        ("column 'close'", "row 8 is -3.5", "above 0"),
    ),
    Broken(
        "a price column of times",
        lambda: handed(good().assign(close=pd.date_range("2024-01-01", periods=ROWS))),
        ("column 'close'", "no number"),
    ),
    Broken(
        "lists in the cells",
        lambda: handed(good().assign(extra=LISTS)),
        ("column 'extra'", "neither numbers nor text nor times", "data.source.columns"),
    ),
    Broken(
        "lists in the cells of a price",
        lambda: handed(good().assign(close=LISTS)),
        ("column 'close'", "[1, 2]"),
    ),
    Broken(
        "complex numbers",
        lambda: handed(good().assign(close=good()["close"] * 1j)),
        ("column 'close'", "no number"),
    ),
    Broken(
        "complex numbers in a column that is not used",
        lambda: handed(good().assign(extra=good()["close"] * 1j)),
        ("column 'extra'", "neither numbers nor text nor times"),
    ),
    Broken(
        "numbers that float32 cannot hold",
        lambda: csv(good().assign(volume=np.geomspace(1, 1e60, ROWS)).to_csv(index=False)),
        ("feature 'volume'", "too large for float32", "data.dtype: float64"),
        {"features": [{"type": "columns", "columns": ["volume"]}], "scaler": "none"},
    ),
    Broken(
        "a feature that never varies",
        lambda: csv(good().assign(volume=3).to_csv(index=False)),
        ("feature 'volume'", "3 in every row", "constant"),
        {"features": [{"type": "columns", "columns": ["volume"]}]},
    ),
    # times
    Broken(
        "a missing time",
        lambda: edited(4, "date", None),
        ("column 'date'", "row 5 is missing", "every row needs a time"),
    ),
    Broken(
        "a time that cannot be read",
        lambda: edited(4, "date", "yesterday"),
        ("column 'date'", "row 5 is 'yesterday'", "2024-12-31"),
    ),
    Broken(
        "a day that does not exist",
        lambda: edited(4, "date", "2024-02-30"),
        ("column 'date'", "row 5 is '2024-02-30'", "no time"),
    ),
    Broken(
        "dates whose day or month may come first",
        lambda: dated(
            [f"{1 + at % 12:02d}/{1 + at // 12:02d}/2024" for at in range(ROWS)],
        ),
        ("column 'date'", "01/01/2024", "day or month may come first", "write dates as 2024-12-31"),
    ),
    Broken(
        "dates with the day first and then the month first",
        lambda: dated([*dates("%d/%m/%Y", 30), *dates("%m/%d/%Y", 30, "2024-01-31")]),
        ("column 'date'", "the day comes first here", "2024-12-31"),
    ),
    Broken(
        "times with and without a zone",
        lambda: dated(mixed_zones()),
        ("column 'date'", "row 31", "without a time zone", "everywhere or nowhere"),
    ),
    Broken(
        "a year that nanoseconds cannot count",
        lambda: edited(ROWS - 1, "date", "9999-12-31"),
        ("column 'date'", "9999-12-31", "1678 to 2261"),
    ),
    Broken(
        "row numbers as times",
        lambda: dated(list(range(ROWS))),
        ("column 'date'", "row 1 is 0", "no time", "rename it"),
    ),
    Broken(
        "truth values as times",
        lambda: handed(good().assign(date=[True, False] * (ROWS // 2))),
        ("column 'date'", "no time"),
    ),
    Broken(
        "one time twice",
        lambda: edited(8, "date", "2024-01-08"),
        ("column 'date'", "row 8 is 2024-01-08", "stands again", "data.on_duplicates: last"),
    ),
    Broken(
        "two rows that changed places",
        lambda: dated(twice_ordered()),
        ("column 'date'", "row 12 is 2024-01-11", "earlier than the row before", "sort"),
    ),
    # amounts
    Broken(
        "too few rows",
        lambda: csv(text(15)),
        ("11 rows are left of 14", "looked back 2", "1 ahead", "data.min_rows = 20"),
    ),
    Broken(
        "too few rows for a window",
        lambda: csv(text()),
        ("0 rows are left of 60", "looked back 199"),
        {"features": [{"type": "sma", "window": 200}]},
    ),
    Broken(
        "a window of time with no row in it",
        lambda: csv(text(), start="2030-01-01"),
        ("no row is within 2030-01-01", "the table has 2024-01-01"),
    ),
    Broken(
        "a window of time for rows without one",
        lambda: handed(good().drop(columns="date"), start="2024-01-01"),
        ("start, end and as_of need times", "data.source.time_column"),
    ),
    Broken(
        "a split that leaves a part empty",
        lambda: csv(text()),
        ("data.split.test = 0.02", "leaves none", "change data.split"),
        {"split": {"validation": 0.15, "test": 0.02}},
    ),
    # what is asked
    Broken(
        "the target among the features",
        lambda: handed(with_classes([0, 1])),
        ("column 'kind'", "is the target", "would know the answer"),
        BINARY | {"features": [{"type": "columns", "columns": ["kind", "close"]}]},
    ),
    Broken(
        "labels with a gap",
        lambda: handed(with_classes([0, 1, 3])),
        ("target 'kind'", "0, 1, 3", "multiclass wants 0, 1, 2", "none left out"),
        KIND,
    ),
    Broken(
        "labels that begin at 1",
        lambda: handed(with_classes([1, 2])),
        ("target 'kind'", "1, 2", "multiclass wants 0, 1, 2"),
        KIND,
    ),
    Broken(
        "three classes for a binary target",
        lambda: handed(with_classes([0, 1, 2])),
        ("target 'kind'", "0, 1, 2", "binary wants 0 and 1"),
        BINARY,
    ),
    Broken(
        "words for labels",
        lambda: handed(good().assign(kind=["up", "down"] * (ROWS // 2))),
        ("column 'kind'", "row 1 is 'up'", "no number"),
        BINARY,
    ),
    Broken(
        "one feature twice",
        lambda: csv(text()),
        ("'close_rsi_14' twice", "leave one out"),
        {"features": [{"type": "rsi"}, {"type": "rsi", "window": 14}]},
    ),
    Broken(
        "no feature at all",
        lambda: handed(good()[["date", "close"]]),
        ("no column", "at least one feature"),
        {"features": []},
    ),
    Broken(
        "a source of a kind that there is not",
        lambda: source(type="excel", path="prices.xls"),
        ("data.source.type = 'excel'", "csv"),
        error=ConfigError,
    ),
    Broken(
        "a key of a source that is misspelt",
        lambda: source(type="csv", path="prices.csv", seperator=";"),
        ("data.source.seperator", "did you mean 'separator'"),
        error=ConfigError,
    ),
    Broken(
        "a feature of a kind that there is not",
        lambda: csv(text()),
        ("data.features.0.type = 'rsl'", "did you mean 'rsi'"),
        {"features": [{"type": "rsl"}]},
        ConfigError,
    ),
    Broken(
        "a window of no rows",
        lambda: csv(text()),
        ("data.features.0.window = 0", "greater than or equal to 1"),
        {"features": [{"type": "sma", "window": 0}]},
        ConfigError,
    ),
    Broken(
        "shares that leave nothing to train on",
        lambda: csv(text()),
        ("training",),
        {"split": {"validation": 0.5, "test": 0.5}},
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_it_is_refused_with_place_value_and_way_out(
    broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken input is one error of ours that says what matters, and leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    made = broken.make()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(broken.error) as caught:
        load(made, broken.keys)
    message = str(caught.value)
    assert [words for words in broken.says if words not in message] == [], message
    assert sorted(tmp_path.rglob("*")) == before


def test_names_of_what_is_broken_are_unique() -> None:
    names = [broken.name for broken in BROKEN]
    assert len(set(names)) == len(names) >= 60


def test_the_same_table_unbroken_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the broken ones are made of has no fault of its own."""
    monkeypatch.chdir(tmp_path)
    for unbroken in (
        csv(text()),
        parquet(good()),
        handed(good()),
        folder(good()[:30], good()[30:]),
    ):
        load(unbroken, {})


def test_all_faults_of_a_table_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fault does not hide another: a person corrects all of them in one go."""
    monkeypatch.chdir(tmp_path)
    frame = good().astype("object")
    frame.loc[3, "close"] = "x"
    frame.loc[5, "close"] = None
    frame.loc[6, "close"] = -1
    frame.loc[9, "date"] = "2024-01-09"
    with pytest.raises(DataError) as caught:
        load(csv(frame.to_csv(index=False)), {"min_rows": 500})
    lines = str(caught.value).splitlines()
    expected = ("row 9 is 2024-01-09", "row 4 is 'x'", "row 7 is -1.0", "row 6 is missing", "500")
    assert all(any(words in line for line in lines) for words in expected), lines


def test_only_the_first_of_many_rows_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that is wrong in every row makes one short line, with the number of the others."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"row 2 is -1\.0, 58 more rows: ") as caught:
        load(csv(good().assign(close=-1).to_csv(index=False)), {"check_rows": 2})
    assert "row 3" not in str(caught.value)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_bytes_that_change_anywhere_never_end_in_another_error(data: st.DataObject) -> None:
    """Whatever happens to the bytes of a file, it is a table or an error of ours."""
    content = bytearray(text(40).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 5))] = data.draw(
            st.binary(max_size=3)
            | st.sampled_from([b",", b"\n", b'"', b"", b"nan", b"-", b"1e999"])
        )
    with TemporaryDirectory() as directory:
        path = Path(directory, "prices.csv")
        path.write_bytes(content)
        with suppress(DataError):
            load(Given({"source": {"type": "csv", "path": str(path)}}), {})


def load(made: Given, keys: dict[str, Any]) -> None:
    """Read, check, make features and parts."""
    section = {"features": FEATURES} | made.keys | keys
    DataManager(parse_config({"data": section}).data, frame=made.frame).get_data()
