"""Secrets of a configuration: used where they are needed, found in nothing that is kept or said."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from flows.cli.app import main
from training.config.load import load_config, parse_config
from training.config.sources import CsvSource
from training.engine import TrainingEngine
from training.errors import ConfigError, RetrainError
from training.run import TrainingRun
from training.secrets import hidden, revealed, unspoken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Retrain = Callable[..., tuple[int, str, str]]

PLANTED = {
    "MARKET_API_TOKEN": "planted-market-token",
    "DATA_PASSWORD": "planted-data-password",
    "ALERTS_URL": "https://me:planted-url-password@example.com/alerts",
}
WORD = "planted"
THEIRS = '''
import os
from training.callbacks import CallbackBase
from training.errors import TrainingError
from training.models.numpy_model import NumpyModel, build
from training.config import LinearConfig
from training.config.training import TrainingConfig


class Guarded:
    """A model that needs a secret to be built, and is otherwise a linear one."""

    def __new__(cls, spec, api_token):
        assert api_token == os.environ["MARKET_API_TOKEN"], "it was not filled in"
        return build(LinearConfig(), spec, TrainingConfig(epochs=2), None)


class Telling(CallbackBase):
    """Says its secret in an error, as libraries do."""

    def __init__(self, url):
        self.url = url

    def on_epoch_end(self, record):
        if record.epoch == 2 and "TELL" in os.environ:
            raise OSError(f"{self.url} does not answer")
'''


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Planted in the environment, where a user has them."""
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    return PLANTED


@pytest.fixture
def retrain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Retrain:
    """Call the command in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["retrain", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        return int(str(code or 0)), *capsys.readouterr()

    return call


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with a secret in its source, its model and a callback."""
    (tmp_path / "theirs.py").write_text(THEIRS)
    folder = tmp_path / PLANTED["DATA_PASSWORD"]
    folder.mkdir()
    (folder / "rows.csv").write_text("a,y\n" + "".join(f"{i % 7},{i % 7 * 2}\n" for i in range(90)))
    tree = {
        "name": "guarded",
        "data": {
            "source": {"type": "csv", "path": str(tmp_path / "${DATA_PASSWORD}" / "rows.csv")},
            "features": [{"type": "columns"}],
            "target": {"type": "column", "column": "y"},
        },
        "model": {"type": "theirs:Guarded", "api_token": "${MARKET_API_TOKEN}"},
        "training": {"epochs": 3},
        "callbacks": [{"type": "theirs:Telling", "url": "${ALERTS_URL}"}],
        "execution": {"retries": 0},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path / "config.yaml"


def test_a_flow_keeps_and_says_no_secret_of_its_configuration(
    secrets: dict[str, str],
    server: str,
    prefect_home: Path,
    retrain: Retrain,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not in the storage, the output, Prefect's database, nor when an error would tell it."""
    monkeypatch.setenv("TELL", "1")
    code, *said = retrain("run", str(config), "--json")
    assert code == 1
    assert json.loads(said[0])["epochs_completed"] == 1
    assert "*** does not answer" in "".join(said)
    monkeypatch.delenv("TELL")
    for command in (
        ("run", str(config), "--json"),
        ("runs", "--json"),
        ("models", "show", "guarded", "--json"),
        ("validate", str(config)),
        ("verify",),
    ):
        code, *more = retrain(*command)
        assert code == 0, more
        said += more
    run_id = json.loads(retrain("runs", "--json")[1])[0]["run_id"]
    said += retrain("show", run_id, "--json")[1:]
    assert "${MARKET_API_TOKEN}" in "".join(said)
    assert WORD not in "".join(said)
    written = [path for path in (config.parent / "artifacts").rglob("*") if path.is_file()]
    assert len(written) > 10
    homes = [path for path in prefect_home.rglob("*") if path.is_file()]
    assert [p for p in (*written, *homes) if WORD.encode() in p.read_bytes()] == []


def test_an_ending_says_no_secret(
    secrets: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    """Without Prefect too, an error of the user's own code is written down without it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TELL", "1")
    run = TrainingRun(load_config(config), tmp_path / "artifacts")
    with pytest.raises(RetrainError):
        TrainingEngine().finish(run)
    (ended,) = (attempt["ended"] for attempt in run.record.attempts())
    assert ended["reason"].endswith("*** does not answer")


def test_another_value_of_a_secret_is_the_same_training(
    secrets: dict[str, str],
    retrain: Retrain,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A password that was changed overnight must not train everything anew."""
    first = retrain("validate", str(config))[1].splitlines()[-1]
    monkeypatch.setenv("MARKET_API_TOKEN", "planted-another-one")
    assert retrain("validate", str(config))[1].splitlines()[-1] == first
    assert "# guarded-" in first


def test_a_stored_configuration_reads_no_secret_unasked(
    secrets: dict[str, str], server: str, retrain: Retrain, config: Path
) -> None:
    """Whoever may write into the storage could have it sent anywhere."""
    command = ("--set", "training.epochs=1", "--json")
    run_id = json.loads(retrain("run", str(config), *command)[1])["run_id"]
    shutil.rmtree(config.parent / "artifacts/models")
    (config.parent / f"artifacts/runs/{run_id}/outcome.json").unlink()
    trusted = ["--trust", "theirs"]
    for name in sorted(PLANTED):  # one alone is in the way, in a callback, the source, the model
        code, _, told = retrain("resume", run_id, *trusted)
        assert (code, f"--trust {name}" in told) == (2, True)
        trusted += ["--trust", name]
    assert retrain("resume", run_id, *trusted)[0] == 0


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"name": "${DATA_PASSWORD}"}, ["name", "DATA_PASSWORD", "data.source"]),
        ({"data": {"target": {"type": "return", "column": "${ALERTS_URL}"}}}, ["ALERTS_URL"]),
        (
            {"data": {"source": {"type": "csv", "path": "https://me:planted@x/rows.csv"}}},
            ["data.source.path", "environment variable"],
        ),
        (
            {"data": {"source": {"type": "csv", "path": "https://x/rows.csv?sig=planted"}}},
            ["data.source.path", "environment variable"],
        ),
        ({"model": {"type": "linear", "hidden": "${DATA_PASSWORD}"}}, ["hidden"]),
        ({"model": {"type": "mlp", "hidden": "${DATA_PASSWORD}"}}, ["hidden"]),
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_unsaid(
    tree: dict[str, object], words: list[str], secrets: dict[str, str]
) -> None:
    """What would be stored as it is, is no place for one."""
    with pytest.raises(ConfigError) as told:
        parse_config(tree)
    assert all(word in str(told.value) for word in words)
    assert WORD not in str(told.value)


def test_what_is_no_secret_is_filled_in(
    secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers and folders, and a secret beside them stays as it was written."""
    monkeypatch.setenv("FOLDER", "prices")
    path = "${FOLDER}/${DATA_PASSWORD}/${KIND:daily}.csv"
    config = parse_config({"data": {"source": {"type": "csv", "path": path}}})
    source = config.data.source
    assert isinstance(source, CsvSource)
    assert source.path == "prices/${DATA_PASSWORD}/daily.csv"
    assert revealed(source).model_dump()["path"] == "prices/planted-data-password/daily.csv"
    monkeypatch.delenv("DATA_PASSWORD")
    with pytest.raises(ConfigError, match="DATA_PASSWORD"):
        revealed(source)


def test_an_error_that_says_a_secret_is_replaced(secrets: dict[str, str]) -> None:
    """Also where a cause says it; ours stay what they are, so that exit codes do."""
    for error, kind in ((ConfigError(WORD + "-market-token"), ConfigError),
                        (KeyError(WORD + "-market-token"), RetrainError)):  # fmt: skip
        with pytest.raises(kind) as told, unspoken():
            raise error
        assert WORD not in str(told.value)
        assert told.value.__cause__ is None
        assert told.value.__suppress_context__
    with pytest.raises(ConfigError, match="plain") as caused, unspoken():
        raise ConfigError("plain") from OSError(WORD + "-data-password")
    assert caused.value.__cause__ is None
    assert hidden({"a": [f"x {WORD}-data-password", 1]}) == {"a": ["x ***", 1]}
