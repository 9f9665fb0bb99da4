"""The configuration of a pipeline: what is refused, and in which words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from training.config.load import load_pipeline, parse_pipeline
from training.config.pipeline import PipelineConfig
from training.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"extrakt": {}}, "extrakt = {}: unknown key; did you mean 'extract'"),
        ({"extract": {"type": "dataframe"}}, "a DataFrame cannot be extracted"),
        ({"extract": {"type": "sqll"}}, "extract.type = 'sqll': did you mean 'sql'"),
        ({"transform": {"type": "no function"}}, "transform.type = 'no function'"),
        ({"score": {"rows": 0}}, "score.rows = 0"),
        ({"publish": {"type": "file", "path": "a.txt"}}, "ends in .parquet or .csv"),
        ({"publish": {"type": "file", "path": "{day}.csv"}}, "{day} stands for nothing"),
        ({"publish": {"type": "sql"}}, "give one of url and url_variable"),
        ({"publish": {"type": "sql", "url": "sqlite://", "table": "a; b"}}, "publish.table"),
        ({"publish": {"type": "sql", "url": "x://a:b@c/d"}}, "a password"),
        (
            {"retrain": {"data": {"source": {"type": "csv", "path": "x"}}}},
            "retrain.data.source is the feature table",
        ),
        ({"retrain": {"data": {"symbol_column": "s"}}}, "a retraining is of one series"),
    ],
)
def test_what_is_wrong_is_said(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse_pipeline(tree, "p.yaml")
    assert message in str(told.value)
    assert str(told.value).startswith("p.yaml: ")


def test_a_secret_stays_a_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where rows come from and where predictions go, and nowhere else."""
    monkeypatch.setenv("ETL_PASSWORD", "planted")
    monkeypatch.setenv("ETL_URL", "postgresql://ann:planted@db/etl")
    file = tmp_path / "p.yaml"
    file.write_text(
        "extract: {type: sql, url: '${ETL_URL}', query: SELECT 1}\n"
        "publish: {type: sql, url: '${ETL_URL}'}\n"
    )
    assert "planted" not in load_pipeline(file).model_dump_json()
    with pytest.raises(ConfigError, match="expected secrets in extract, publish, retrain"):
        load_pipeline(file, ["retrain.name=${ETL_PASSWORD}"])


def test_what_a_form_sends_back_is_the_same_configuration() -> None:
    """Every default filled in, and through JSON, as parameters of a deployed run are."""
    config = PipelineConfig()
    sent = json.loads(json.dumps(config.model_dump(mode="json", by_alias=True)))
    assert PipelineConfig.model_validate(sent) == config
