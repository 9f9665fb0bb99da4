"""Publishing: a slot has one publication, whole, whoever repeats it and whatever happens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import sqlalchemy as sa

from training.config.pipeline import FileTarget, SqlTarget
from training.errors import DataError, StorageError
from training.etl.predict import Mark
from training.etl.publish import check_target, publish_rows

if TYPE_CHECKING:
    from pathlib import Path


def _rows(slot: str, publication: str, values: list[float]) -> pd.DataFrame:
    dates = pd.date_range(slot, periods=len(values), freq="D")
    return pd.DataFrame(
        {
            "name": "m",
            "slot": slot,
            "publication": publication,
            "date": dates,
            "prediction": values,
            "model": "m:1",
        }
    )


def _publish(
    target: SqlTarget | FileTarget, slot: str, publication: str, values: list[float]
) -> bool:
    rows = _rows(slot, publication, values)
    return publish_rows(target, rows, Mark("m", slot, publication))


def _read(target: SqlTarget, url: str) -> pd.DataFrame:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return pd.read_sql_query(
            sa.text(f"SELECT * FROM {target.table} ORDER BY slot, date"),  # noqa: S608 - a name of this test
            connection,
        )


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a real database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/p.db"
    return str(request.getfixturevalue("postgres"))


@pytest.fixture
def target(url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SqlTarget:
    """A table that is not there yet."""
    monkeypatch.setenv("PLACE", url)
    name = "p" + str(abs(hash(request.node.name)))
    return SqlTarget(url_variable="PLACE", table=name)


def test_again_writes_nothing_and_another_takes_its_place(target: SqlTarget, url: str) -> None:
    """Other slots, and other models in the same table, stay as they are."""
    assert _publish(target, "2024-01-01", "one", [0.1])
    assert _publish(target, "2024-01-02", "two", [0.2, 0.3])
    assert not _publish(target, "2024-01-02", "two", [0.2, 0.3])
    assert _publish(target, "2024-01-02", "three", [0.4])
    assert _read(target, url)["publication"].tolist() == ["one", "three"]
    assert _read(target, url)["prediction"].tolist() == [0.1, 0.4]


def test_half_a_publication_does_not_exist(target: SqlTarget, url: str) -> None:
    """A row that the database refuses takes all of them, and the deletion, back."""
    assert _publish(target, "2024-01-02", "one", [0.1])
    rows = _rows("2024-01-02", "two", [0.2, 0.3])
    rows["date"] = pd.Timestamp("2024-01-02")  # the same key twice
    with pytest.raises(StorageError):
        publish_rows(target, rows, Mark("m", "2024-01-02", "two"))
    assert _read(target, url)["publication"].tolist() == ["one"]


def test_several_at_once_leave_one(target: SqlTarget, url: str) -> None:
    """Each tries again as its task does; in the end the slot's rows are there once."""
    assert _publish(target, "2024-01-01", "before", [0.0])

    def work(publication: str) -> None:
        for _ in range(50):
            try:
                _publish(target, "2024-01-02", publication, [0.1, 0.2])
            except StorageError:
                continue
            return
        raise AssertionError("never got through")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, ["same"] * 6))
    assert _read(target, url)["publication"].tolist() == ["before", "same", "same"]


def test_a_table_of_the_users_own_needs_the_columns(target: SqlTarget, url: str) -> None:
    """Found out before all work; columns of its own are left alone."""
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {target.table} (name TEXT, slots TEXT)"))
    with pytest.raises(DataError, match="has no column 'slot'; did you mean 'slots'"):
        check_target(target)


def test_a_database_that_does_not_answer_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the password is not in the message."""
    monkeypatch.setenv("DB_PASSWORD", "planted-secret")
    away = SqlTarget.model_validate(
        {"url": "postgresql+psycopg://ann@127.0.0.1:1/db", "password_variable": "DB_PASSWORD"}
    )
    with pytest.raises(StorageError) as told:
        check_target(away)
    assert "planted-secret" not in str(told.value)
    with pytest.raises(DataError, match="names the environment variable NO_SUCH"):
        check_target(away.model_copy(update={"password_variable": "NO_SUCH"}))


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_file_is_there_whole_and_is_not_written_again(ending: str, tmp_path: Path) -> None:
    """`{slot}` in its name: a file for each."""
    target = FileTarget(path=f"{tmp_path}/{{slot}}.{ending}")
    assert _publish(target, "2024-01-02", "one", [0.25, 0.5])
    made = tmp_path / f"2024-01-02.{ending}"
    before = (made.stat().st_ino, made.stat().st_mtime_ns)
    assert not _publish(target, "2024-01-02", "one", [0.25, 0.5])
    assert (made.stat().st_ino, made.stat().st_mtime_ns) == before
    assert _publish(target, "2024-01-02", "two", [0.75])
    found = pd.read_csv(made) if ending == "csv" else pd.read_parquet(made)
    assert found["prediction"].tolist() == [0.75]
    with pytest.raises(DataError, match="there is no folder"):
        check_target(FileTarget(path=f"{tmp_path}/no/such.csv"))


def test_a_file_on_objects(bucket_url: str) -> None:
    """On a real S3 API."""
    target = FileTarget(path=f"{bucket_url}/published/{{slot}}.parquet")
    assert _publish(target, "2024-01-02", "one", [0.25])
    assert not _publish(target, "2024-01-02", "one", [0.25])
    found = pd.read_parquet(f"{bucket_url}/published/2024-01-02.parquet")
    assert found["publication"].tolist() == ["one"]
