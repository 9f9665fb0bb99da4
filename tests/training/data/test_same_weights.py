"""The whole way: the same rows from anywhere train the same weights."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from training.run import TrainingResult

    Train = Callable[..., TrainingResult]


def csv(table: pd.DataFrame, _: str) -> dict[str, Any]:
    table.to_csv("table.csv", index=False)
    return {"type": "csv", "path": "table.csv"}


def parquet(table: pd.DataFrame, _: str) -> dict[str, Any]:
    table.to_parquet("table.parquet")
    return {"type": "parquet", "path": "table.parquet"}


def objects(table: pd.DataFrame, bucket: str) -> dict[str, Any]:
    with fsspec.open(f"{bucket}/weights/table.parquet", "wb") as file:
        table.to_parquet(file)
    return {"type": "parquet", "path": f"{bucket}/weights/*.parquet"}


def sqlite(table: pd.DataFrame, _: str) -> dict[str, Any]:
    with closing(sqlite3.connect("table.db")) as connection:
        table.to_sql("rows", connection, index=False)
    return {"type": "sql", "url": "sqlite:///table.db", "query": "SELECT * FROM rows"}


def server(table: pd.DataFrame, url: str) -> dict[str, Any]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    table.to_sql("weights", engine, index=False, if_exists="replace")
    return {"type": "sql", "url_variable": "PLACE", "query": "SELECT * FROM weights"}


@pytest.mark.parametrize(
    ("put", "place"),
    [(csv, None), (parquet, None), (objects, "bucket_url"), (sqlite, None), (server, "postgres")],
    ids=["csv", "parquet", "s3", "sqlite", "postgresql"],
)
def test_the_same_rows_train_the_same_weights(
    put: Callable[[pd.DataFrame, str], dict[str, Any]],
    place: str | None,
    request: pytest.FixtureRequest,
    train: Train,
    table: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Equal digests of the weights, equal metrics, and the same identity of the run.

    Files, a real S3 API, a real PostgreSQL, SQLite, all beside the DataFrame itself.
    """
    monkeypatch.chdir(tmp_path)
    where = str(request.getfixturevalue(place)) if place else ""
    monkeypatch.setenv("PLACE", where)
    expected = train(storage=Path("one"))
    found = train(storage=Path("two"), data={"source": put(table, where)})
    assert found.checkpoint["digest"] == expected.checkpoint["digest"]
    assert found.metrics == expected.metrics
    assert found.run_id == expected.run_id
