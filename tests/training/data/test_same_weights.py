"""The whole way: the same rows from anywhere train the same weights."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from training.run import TrainingResult

    Train = Callable[..., TrainingResult]


def csv(table: pd.DataFrame) -> dict[str, Any]:
    table.to_csv("table.csv", index=False)
    return {"type": "csv", "path": "table.csv"}


def parquet(table: pd.DataFrame) -> dict[str, Any]:
    table.to_parquet("table.parquet")
    return {"type": "parquet", "path": "table.parquet"}


def objects(table: pd.DataFrame) -> dict[str, Any]:
    with fsspec.open("memory://weights/table.parquet", "wb") as file:
        table.to_parquet(file)
    return {"type": "parquet", "path": "memory://weights/*.parquet"}


def sqlite(table: pd.DataFrame) -> dict[str, Any]:
    with closing(sqlite3.connect("table.db")) as connection:
        table.to_sql("rows", connection, index=False)
    return {"type": "sql", "url": "sqlite:///table.db", "query": "SELECT * FROM rows"}


@pytest.mark.parametrize("put", [csv, parquet, objects, sqlite], ids=lambda put: put.__name__)
def test_the_same_rows_train_the_same_weights(
    put: Callable[[pd.DataFrame], dict[str, Any]],
    train: Train,
    table: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Equal digests of the weights, equal metrics, and the same identity of the run."""
    monkeypatch.chdir(tmp_path)
    expected = train(storage=Path("one"))
    found = train(storage=Path("two"), data={"source": put(table)})
    assert found.checkpoint["digest"] == expected.checkpoint["digest"]
    assert found.metrics == expected.metrics
    assert found.run_id == expected.run_id
