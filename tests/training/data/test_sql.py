"""Rows of a query: the same data as from a file, with values bound and secrets kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import sqlalchemy as sa

from training.config.load import parse_config
from training.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.data import DataManager

    Manage = Callable[..., DataManager]


@pytest.fixture
def database(prices: pd.DataFrame, tmp_path: Path) -> str:
    """An SQLite file with the prices, times as text, of two symbols."""
    other = prices.assign(close=prices["close"] * 2)
    both = pd.concat([prices.assign(symbol="AAA"), other.assign(symbol="BBB")])
    with closing(sqlite3.connect(tmp_path / "prices.db")) as connection:
        both.assign(date=both["date"].dt.strftime("%Y-%m-%d")).sample(
            frac=1, random_state=1
        ).to_sql("bars", connection, index=False)
        connection.commit()
    return f"sqlite:///{tmp_path}/prices.db"


def query(at: str, **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - keys of a source
    text = "SELECT date, open, high, low, close, volume FROM bars WHERE symbol = :symbol"
    return {"type": "sql", "url": at, "query": text, "parameters": {"symbol": "AAA"}} | keys


def test_a_query_is_the_same_data_as_a_frame(
    database: str, prices: pd.DataFrame, manage: Manage
) -> None:
    """Rows in no order in the database come in order of time, equal to the last bit."""
    expected, found = manage(prices).get_data(), manage(source=query(database)).get_data()
    assert found.fingerprint == expected.fingerprint
    assert found.train.x.tobytes() == expected.train.x.tobytes()


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE"])
def test_a_real_postgresql_is_the_same_data(
    kind: str,
    postgres: str,
    prices: pd.DataFrame,
    manage: Manage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Timestamps, dates and decimals of a server; its password comes from the environment."""
    engine = sa.create_engine(postgres, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS bars"))
        connection.execute(
            sa.text(
                f"CREATE TABLE bars (date {kind}, open FLOAT8, high FLOAT8, low FLOAT8,"
                " close NUMERIC(12, 2), volume FLOAT8)"
            )
        )
        zoned = (
            prices.assign(date=prices["date"].dt.tz_localize("UTC")) if "ZONE" in kind else prices
        )
        zoned.to_sql("bars", connection, index=False, if_exists="append")
    monkeypatch.setenv("PRICES_URL", postgres)
    source = {"type": "sql", "url_variable": "PRICES_URL", "query": "SELECT * FROM bars"}
    for window in ({}, {"start": "2024-01-05", "end": "2024-02-20"}):
        found = manage(source=source | window).get_data()
        given = prices if "ZONE" not in kind else zoned
        expected = manage(given, source={"type": "dataframe"} | window).get_data()
        assert found.fingerprint == expected.fingerprint
        assert found.train.x.tobytes() == expected.train.x.tobytes()


def test_window_and_columns_are_asked_for_in_the_database(
    database: str, prices: pd.DataFrame, manage: Manage
) -> None:
    """What is read is little more than the window, and what comes of it exactly the window."""
    window = {"start": "2024-01-10", "end": "2024-02-10", "columns": ["close"]}
    asked: list[str] = []
    listen = lambda *event: asked.append(event[2] + str(event[3]))  # noqa: E731 - a hook
    sa.event.listen(sa.Engine, "before_cursor_execute", listen)
    try:
        table = manage(source=query(database, **window)).load()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listen)
    assert "date >= ?" in asked[-1]
    assert "2024-01-09" in asked[-1]
    assert "volume" not in asked[-1].split("FROM", maxsplit=1)[0]
    assert list(table.frame.columns) == ["date", "close"]
    assert table.frame["date"].tolist() == prices["date"][9:41].tolist()


def test_a_query_may_say_itself_where_the_window_goes(
    database: str, prices: pd.DataFrame, manage: Manage
) -> None:
    text = "SELECT * FROM bars WHERE symbol = :symbol AND date BETWEEN :start AND :end"
    window = {"start": "2024-01-10", "end": "2024-02-10"}
    table = manage(source=query(database, query=text, **window)).load()
    assert table.frame["date"].tolist() == prices["date"][9:41].tolist()


def test_a_table_with_versions_of_its_rows_is_read_as_it_was_known_then(
    prices: pd.DataFrame, tmp_path: Path, manage: Manage
) -> None:
    """Of each row the newest version by `as_of`; rows after it are not there yet."""
    first = prices.assign(known=prices["date"])
    later = first[20:30].assign(close=7.0, known=pd.Timestamp("2024-02-15"))
    with closing(sqlite3.connect(tmp_path / "versions.db")) as connection:
        pd.concat([first, later]).to_sql("bars", connection, index=False)
    text = (
        "SELECT date, close, MAX(known) AS known FROM bars "
        "WHERE DATE(known) <= :as_of GROUP BY date"
    )
    at = f"sqlite:///{tmp_path}/versions.db"
    close = {}
    for day in ("2024-02-10", "2024-02-20"):
        source = {"type": "sql", "url": at, "query": text, "as_of": f"{day}T00:00:00"}
        table = manage(source=source, target={"type": "return"}).load()
        assert str(table.frame["date"].iloc[-1])[:10] == day
        close[day] = table.frame["close"].tolist()
    assert close["2024-02-10"] == prices["close"][:41].tolist()
    assert close["2024-02-20"][20:30] == [7.0] * 10


def test_values_are_bound_and_never_part_of_the_text(database: str, manage: Manage) -> None:
    """What looks like SQL is a symbol that there is not."""
    evil = {"symbol": "AAA'; DROP TABLE bars; --"}
    with pytest.raises(DataError, match="0 rows are left"):
        manage(source=query(database, parameters=evil)).load()
    manage(source=query(database)).load()


def test_an_answer_without_rows_is_too_few_rows(database: str, manage: Manage) -> None:
    with pytest.raises(DataError, match="0 rows are left of 0"):
        manage(source=query(database, parameters={"symbol": "CCC"})).load()


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"query": "SELECT * FROM bar"}, "no such table: bar"),
    ({"query": "SELEC * FROM bars"}, "syntax error"),
    ({"query": "DROP TABLE bars"}, "syntax error"),
    ({"query": "SELECT date, close FROM bars WHERE symbol = :name"}, "has :name, which is not in"),
    ({"url": "sqlite:////nowhere/prices.db"}, "unable to open database file"),
    ({"url": "oracel://host/db"}, "oracel"),
    ({"url": "prices.db"}, "no URL of a database; expected dialect+driver://host/database"),
    ({"columns": ["clse"]}, "has no column 'clse'; did you mean 'close'"),
    ({"url": None, "url_variable": "PRICES_UROL"}, "PRICES_UROL, which is not set"),
]


@pytest.mark.parametrize(("keys", "words"), BROKEN)
def test_what_is_wrong_is_said_in_a_line(
    keys: dict[str, Any], words: str, database: str, manage: Manage
) -> None:
    """One error of ours, which names the source, for whatever a database refuses."""
    given = {name: value for name, value in query(database, **keys).items() if value is not None}
    with pytest.raises(DataError) as caught:
        manage(source=given).load()
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_password_is_never_told(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in an error, and a configuration that would store one is refused."""
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    url = "postgresql+psycopg://me@127.0.0.1:1/prices?connect_timeout=1"
    source = query(url, password_variable="DB_PASSWORD")  # noqa: S106 - the name of a variable
    with pytest.raises(DataError) as caught:
        manage(source=source).load()
    assert "hunter2" not in str(caught.value)
    assert "sql postgresql+psycopg://127.0.0.1:1/prices" in str(caught.value)
    assert "hunter2" not in str(parse_config({"data": {"source": source}}))
    with pytest.raises(ConfigError, match="URL with a password"):
        parse_config({"data": {"source": query("postgresql://me:hunter2@host/prices")}})
