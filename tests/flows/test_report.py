"""`retrain report`: a run as an HTML file, beside the one in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from flows.cli.app import app
from training.artifacts import ArtifactStore
from training.config.load import parse_config
from training.engine import TrainingEngine
from training.errors import InputError, NotFoundError
from training.retraining import Retraining, parse_moment, retrain
from training.run import TrainingRun

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = {
    "name": "told",
    "data": {"source": {"type": "sample", "end": "2003-01-01"}},
    "model": {"type": "mlp", "hidden": [4]},
    "training": {"epochs": 2},
    "promotion": {"first": "promote"},
}


def _report(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["report", *arguments])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_a_finished_run_has_its_page_beside_the_report(tmp_path: Path) -> None:
    """Written at its end with report.md in one commit; a changed byte is found by verify."""
    storage = tmp_path / "s"
    run = TrainingRun(parse_config(CONFIG), storage)
    result = TrainingEngine().finish(run)
    store = ArtifactStore(storage)
    folder = f"runs/{run.run_id}/report"
    page = store.read(folder, "report.html").decode()
    assert set(store.open(folder).files) == {"report.md", "report.html"}
    for said in (run.run_id, "told:1", str(result.model["digest"]), "2 of 2", "completed"):
        assert said in page
    out = tmp_path / "told.html"
    _report(run.run_id, "--storage", str(storage), "--output", str(out))
    assert result.model["digest"] in out.read_text()
    assert not store.verify().problems
    path = storage / folder / "report.html"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"2 of 2", b"9 of 9"))
    assert [problem.path for problem in store.verify().problems] == [f"{folder}/report.html"]


def test_the_decision_is_part_of_it(tmp_path: Path) -> None:
    """Challenger and champion on the same rows; also in the page that is kept."""
    storage = tmp_path / "s"
    config = parse_config(CONFIG)
    first, second = (
        retrain(Retraining(config, storage, as_of=parse_moment(day)))
        for day in ("2002-06-28", "2002-07-31")
    )
    page = _report(second["run_id"], "--storage", str(storage))
    assert second["reason"].replace("'", "&#39;").replace("<", "&lt;") in page
    assert "As of 2002-07-31" in page
    assert f"{second['metrics']['champion']['test_loss']:.6g}" in page
    (kept,) = [
        text
        for path in (storage / "retrainings" / "told").rglob("report.html")
        if "As of 2002-07-31" in (text := path.read_text())
    ]
    assert f"{second['metrics']['champion']['test_loss']:.6g}" in kept
    assert "told:1 is the new champion" in _report(first["run_id"], "--storage", str(storage))


def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path) -> None:
    """Its epochs so far, and the command."""
    storage = tmp_path / "s"
    run = TrainingRun(parse_config(CONFIG), storage)
    run.load_data()
    with pytest.raises(OSError, match="on purpose"), run.held():
        _fail(run)
    page = _report(run.run_id, "--storage", str(storage))
    assert f"retrain resume {run.run_id} --storage {storage}" in page
    assert "failed: OSError: on purpose" in page


def _fail(run: TrainingRun) -> None:
    TrainingEngine().advance(run.create_model(), 1)
    raise OSError("on purpose")


def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    """A run that is not there, a file that cannot be written."""
    with pytest.raises(NotFoundError, match="there is no run 'other-1'"):
        _report("other-1", "--storage", str(tmp_path / "s"))
    run = TrainingRun(parse_config(CONFIG), tmp_path / "s")
    TrainingEngine().finish(run)
    with pytest.raises(InputError, match="cannot be written: No such file"):
        _report(run.run_id, "--storage", str(tmp_path / "s"),
                "--output", str(tmp_path / "no" / "x.html"))  # fmt: skip
