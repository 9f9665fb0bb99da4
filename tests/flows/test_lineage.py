"""The keys of the assets: the same every night, and such as Prefect takes."""

from __future__ import annotations

from typing import Any

import pytest

from flows.lineage import Lineage
from training.config.load import parse_pipeline

SQL = {"type": "sql", "url": "postgresql+psycopg://ann@db:5432/etl", "query": "SELECT 1 FROM a.b"}


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (SQL, "postgresql://db:5432/etl/a.b"),
        (SQL | {"query": "SELECT * FROM (SELECT 1) AS x"}, "postgresql://db:5432/etl"),
        (SQL | {"url": "postgresql+psycopg:///etl?host=/tmp"}, "postgresql:///etl/a.b"),
        ({"type": "csv", "path": "my data/*.csv"}, "file://my_data/*.csv"),
        ({"type": "parquet", "path": "s3://bucket/a"}, "s3://bucket/a"),
        ({"type": "http", "url": "https://host/a?b=c"}, "https://host/a_b=c"),
        ({"type": "yfinance", "symbol": "^GSPC"}, "yfinance://_GSPC"),
        ({"type": "sample"}, "sample://sp500"),
        ({"type": "own_sources:prices"}, "python://own_sources/prices"),
    ],
)
def test_a_source_has_a_key_without_users_drivers_and_dates(
    source: dict[str, Any], key: str
) -> None:
    assert Lineage.of(parse_pipeline({"extract": source})).source.key == key


def test_a_target_has_one_key_for_all_slots() -> None:
    to_file = {"publish": {"type": "file", "path": "out/{slot}.csv"}}
    assert Lineage.of(parse_pipeline(to_file)).predictions.key == "file://out/slot.csv"
    to_table = {"publish": {key: SQL[key] for key in ("type", "url")}}
    lineage = Lineage.of(parse_pipeline(to_table | {"retrain": {"name": "m.1"}}))
    assert lineage.predictions.key == "postgresql://db:5432/etl/predictions"
    assert (lineage.features.key, lineage.model.key) == (
        "retrain://m.1/features",
        "retrain://m.1/model",
    )
