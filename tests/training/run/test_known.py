"""A finished run is found by the bytes of its source; whatever does not agree is looked at anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from training.config.load import parse_config
from training.data import DataManager
from training.engine import TrainingEngine
from training.run import TrainingRun
from training.run.known import evidence_of, finished_before, keep_evidence

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from training.run import TrainingResult
    from training.run.start import Start


def run_of(folder: Path, **training: Any) -> TrainingRun:  # noqa: ANN401 - keys of a section
    """Of a table in a file."""
    config = {
        "data": {
            "source": {"type": "csv", "path": str(folder / "table.csv")},
            "features": [{"type": "columns"}],
            "target": {"type": "column", "column": "y"},
        },
        "model": {"type": "linear"},
        "training": {"epochs": 2, **training},
    }
    return TrainingRun(parse_config(config), folder / "storage")


@pytest.fixture
def finished(tmp_path: Path, table: pd.DataFrame) -> TrainingResult:
    """A run that is finished, and known by its source."""
    table.to_csv(tmp_path / "table.csv", index=False)
    run = run_of(tmp_path)
    result = TrainingEngine().finish(run)
    keep_evidence(run, evidence_of(run))
    return result


def found(run: TrainingRun) -> Start | None:
    return finished_before(run, evidence_of(run))


def test_a_finished_run_is_found_without_reading_its_table(
    tmp_path: Path, finished: TrainingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(DataManager, "get_data")
    monkeypatch.delattr(DataManager, "load")
    run = run_of(tmp_path)
    start = found(run)
    assert start is not None
    assert start.is_complete
    run.start = start
    assert run.completed().model == finished.model


def test_one_other_byte_is_another_source(tmp_path: Path, finished: TrainingResult) -> None:
    path = tmp_path / "table.csv"
    text = path.read_text()
    digit = text[-3]
    path.write_text(text[:-3] + ("1" if digit != "1" else "2") + text[-2:])
    assert found(run_of(tmp_path)) is None


def test_another_configuration_is_another_run(tmp_path: Path, finished: TrainingResult) -> None:
    assert found(run_of(tmp_path, epochs=3)) is None
    assert found(run_of(tmp_path, seed=1)) is None
    assert found(run_of(tmp_path)) is not None


def test_a_run_that_is_to_start_afresh_is_not_looked_for(
    tmp_path: Path, finished: TrainingResult
) -> None:
    run = run_of(tmp_path)
    run.resume = "never"
    assert found(run) is None


def test_another_run_than_the_one_named_is_not_taken_for_it(
    tmp_path: Path, finished: TrainingResult
) -> None:
    run = run_of(tmp_path)
    run.expect = "model-000000000000"
    assert found(run) is None


@pytest.mark.parametrize("damage", ["models/*/files/*/weights.safetensors", "runs/*/outcome.json"])
def test_what_is_damaged_is_not_called_finished(
    tmp_path: Path, finished: TrainingResult, damage: str
) -> None:
    (path,) = (tmp_path / "storage").glob(damage)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    assert found(run_of(tmp_path)) is None


def test_damaged_evidence_is_none(tmp_path: Path, finished: TrainingResult) -> None:
    (path,) = (tmp_path / "storage").glob("runs/*/source.json")
    path.write_text("{}")
    run = run_of(tmp_path)
    assert found(run) is None
    run.load_data()
    assert run.run_id == finished.run_id


def test_files_alone_say_what_a_source_has(tmp_path: Path, finished: TrainingResult) -> None:
    (tmp_path / "table.csv").rename(tmp_path / "gone.csv")
    assert evidence_of(run_of(tmp_path)) is None
