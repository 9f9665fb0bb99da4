"""The command: what it prints, its exit codes, and that wrong input leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flows.cli.app import main
from training.config import RunConfig
from training.config.load import parse_config

if TYPE_CHECKING:
    from collections.abc import Callable

    Retrain = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).parents[2]
QUICK = str(ROOT / "configs/quickstart.yaml")
KEYS = {
    "run_id",
    "status",
    "epochs_completed",
    "stopped_early",
    "best_epoch",
    "metrics",
    "checkpoint",
    "model",
    "resumed_from",
    "redone_epochs",
    "reason",
}


@pytest.fixture
def retrain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Retrain:
    """Call the command in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["retrain", *arguments])
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        else:
            code = 0
        out, err = capsys.readouterr()
        return int(code or 0), out, err

    return call


def _run(retrain: Retrain, *more: str, epochs: int = 2) -> dict[str, Any]:
    code, out, err = retrain("run", QUICK, "--set", f"training.epochs={epochs}", "--json", *more)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_run_prints_one_json_object_with_all_keys(server: str, retrain: Retrain) -> None:
    found = _run(retrain)
    assert set(found) >= KEYS
    assert (found["status"], found["epochs_completed"]) == ("completed", 2)
    assert {"val_loss", "test_accuracy", "test_backtest_sharpe"} <= set(found["metrics"])
    assert found["model"]["name"] == "sp500-direction"
    assert found["checkpoint"]["digest"].startswith("blake3:")


def test_the_same_command_again_does_nothing_and_starts_no_server(
    server: str, retrain: Retrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer would be an error if it were asked."""
    first = _run(retrain)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    again = _run(retrain)
    assert again["status"] == "already-complete"
    assert again["model"] == first["model"]
    assert "nothing to do: sp500-direction:1" in again["reason"]


def test_a_server_that_does_not_answer_is_said_in_one_line(
    retrain: Retrain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    code, out, err = retrain("run", QUICK)
    assert (code, out) == (1, "")
    assert "PREFECT_API_URL = http://127.0.0.1:9/api does not answer" in err
    assert "Traceback" not in err
    assert not (tmp_path / "artifacts").exists()


BROKEN = {
    "no such file": (["run", "nowhere.yaml"], "no such file"),
    "misspelt key": (["run", QUICK, "--set", "training.epoch=3"], "did you mean 'epochs'"),
    "wrong type": (["run", QUICK, "--set", "training.epochs=many"], "training.epochs = 'many'"),
    "no mapping": (["run", "list.yaml"], "expected a mapping"),
    "no such csv": (["run", "csv.yaml", "--set", "data.source.path=prces.csv"], "prices.csv"),
    "no such column": (["run", "csv.yaml"], "Close"),
    "text for a number": (
        ["run", "csv.yaml", "--set", "data.source.path=text.csv"],
        "many",
    ),
    "no such class": (["run", QUICK, "--set", "model.type=nowhere:Model"], "nowhere"),
    "no such run": (["resume", "nothing"], "no run 'nothing'"),
    "no such model": (["models", "show", "nothing"], "no model 'nothing'"),
    "nothing to go on from": (["run", QUICK, "--resume", "must"], "nothing to go on from"),
    "no such run, by a path": (["resume", "../../x"], "'../../x'"),
    "no storage to verify": (["verify", "nothing:1"], "no storage at ./artifacts"),
    "too large a seed": (["run", QUICK, "--set", f"training.seed={10**20}"], "training.seed"),
    "a file for a storage": (["run", QUICK, "--storage", "list.yaml"], "list.yaml is a file"),
    "no storage": (["runs", "--storage", ""], "./artifacts"),
    "a metric of no known kind": (
        ["validate", QUICK, "--set", "callbacks=[{type: early_stopping, monitor: val_los}]"],
        "'val_los'",
    ),
    "hostile reference": (["models", "show", "../../etc"], "names no model"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_wrong_input_ends_with_2_in_a_line_or_two_and_writes_nothing(
    case: str, retrain: Retrain, tmp_path: Path
) -> None:
    (tmp_path / "list.yaml").write_text("- 1")
    (tmp_path / "csv.yaml").write_text("data: {source: {type: csv, path: prices.csv}, min_rows: 2}")
    dates = [f"2020-01-{day:02d}" for day in range(1, 29)]
    rows = "\n".join(f"{date},{100 + number}" for number, date in enumerate(dates))
    (tmp_path / "prices.csv").write_text("date,Close\n" + rows)
    (tmp_path / "text.csv").write_text("date,close\n" + rows.replace(",105", ",many"))
    arguments, words = BROKEN[case]
    code, out, err = retrain(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) <= 2
    assert "Traceback" not in err
    assert not (tmp_path / "artifacts").exists()


def test_verify_counts_files_and_names_a_flipped_byte(
    server: str, retrain: Retrain, tmp_path: Path
) -> None:
    run = _run(retrain)
    files = [item for item in (tmp_path / "artifacts").rglob("*") if item.is_file()]
    code, out, err = retrain("verify", "--json")
    assert (code, json.loads(out)["problems"]) == (0, []), err
    sizes = [item for item in files if item.stat().st_size]
    assert json.loads(out)["files"] == len(sizes)
    for item in sizes:
        data = item.read_bytes()
        item.write_bytes(data[:-2] + bytes([data[-2] ^ 4]) + data[-1:])
        code, out, err = retrain("verify")
        assert code == 1, item
        # A file inside of a commit is named with it; a document by itself.
        assert str(item.relative_to(tmp_path / "artifacts")) in err, item
        item.write_bytes(data)
    for part in ("", "sp500-direction:1", "sp500-direction", run["run_id"]):
        assert retrain(*["verify", part][: 1 + bool(part)])[0] == 0, part


def test_a_damaged_earlier_run_stands_in_nobodys_way(
    server: str, retrain: Retrain, tmp_path: Path
) -> None:
    """It is named; a new run of that model is trained, and the list has the others."""
    first = _run(retrain)
    record = tmp_path / "artifacts/runs" / first["run_id"] / "run.json"
    record.write_bytes(record.read_bytes().replace(b"sp500", b"sp501"))
    second = _run(retrain, epochs=1)
    assert second["status"] == "completed"
    code, out, _ = retrain("runs", "--json")
    statuses = {item["run_id"]: item["status"] for item in json.loads(out)}
    assert (code, statuses[second["run_id"]]) == (0, "completed")
    assert statuses[first["run_id"]] == "damaged"
    assert "damaged" in retrain("runs")[1]


def test_a_damaged_model_does_not_count_as_done(
    server: str, retrain: Retrain, tmp_path: Path
) -> None:
    """The same command says so, rather than that there is nothing to do."""
    _run(retrain)
    (weights,) = (tmp_path / "artifacts/models").rglob("weights.safetensors")
    data = weights.read_bytes()
    weights.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    code, _, err = retrain("run", QUICK, "--set", "training.epochs=2")
    assert code == 1
    assert str(weights.relative_to(tmp_path / "artifacts")) in err


def test_runs_show_models_say_what_happened(server: str, retrain: Retrain) -> None:
    found = _run(retrain)
    code, out, _ = retrain("runs", "--json")
    assert (code, json.loads(out)[0]["run_id"]) == (0, found["run_id"])
    assert json.loads(out)[0]["status"] == "completed"
    code, out, _ = retrain("runs")
    assert found["run_id"] in out
    code, out, _ = retrain("show", found["run_id"], "--json")
    shown = json.loads(out)
    assert [row["epoch"] for row in shown["history"]] == [1, 2]
    assert shown["metrics"] == found["metrics"]
    assert retrain("show", found["run_id"])[1].count("epoch ") == 2
    code, out, _ = retrain("models", "list", "--json")
    assert [item["name"] for item in json.loads(out)] == ["sp500-direction"]
    assert "sp500-direction" in retrain("models", "list")[1]
    code, out, _ = retrain("models", "show", "sp500-direction:1", "--json")
    assert json.loads(out)["config"]["training"]["epochs"] == 2
    assert "digest" in retrain("models", "show", "sp500-direction")[1]


def test_validate_prints_a_configuration_that_means_the_same_and_writes_nothing(
    retrain: Retrain, tmp_path: Path
) -> None:
    code, out, _ = retrain("validate", QUICK)
    assert code == 0
    resolved = parse_config(yaml.safe_load(out))
    assert resolved.name == "sp500-direction"
    assert "# data rows: 5031" in out
    assert not (tmp_path / "artifacts").exists()


def test_schema_is_the_configurations_own(retrain: Retrain) -> None:
    """It is kept in a file: `make schema` writes it anew after a change of the configuration."""
    code, out, _ = retrain("schema")
    assert (code, json.loads(out)) == (0, json.loads(json.dumps(RunConfig.model_json_schema())))


def _start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    program = str(Path(sys.executable).parent / "retrain")
    return subprocess.Popen(
        [program, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


STOPPER = """
import os
from training.callbacks import CallbackBase

class Stop(CallbackBase):
    def on_batch_end(self, record):
        if "STOP_WITH" in os.environ and (record.epoch, record.batch) == (3, 5):
            os.kill(os.getpid(), int(os.environ["STOP_WITH"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_a_checkpoint_and_says_how_to_go_on(
    server: str, retrain: Retrain, tmp_path: Path, number: signal.Signals
) -> None:
    """Stopped in the middle, resumed with the printed command, equal to the undisturbed run."""
    (tmp_path / "stopper.py").write_text(STOPPER)
    long = ["--set", "training.epochs=4", "--set", "callbacks=[{type: 'stopper:Stop'}]"]
    process = _start(tmp_path, "run", QUICK, *long, STOP_WITH=str(int(number)))
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number, rest
    last = rest.strip().splitlines()[-1]
    assert last.startswith("continue with: retrain resume sp500-direction-")
    assert "Traceback" not in rest
    code, out, err = retrain(*shlex.split(last)[3:], "--json")
    assert code == 0, err
    resumed = json.loads(out)
    assert resumed["resumed_from"] == {"epoch": 2, "batch": 5}
    assert resumed["redone_epochs"] == 0
    whole = _run(retrain, *long, "--storage", "whole", epochs=4)
    assert resumed["model"]["digest"] == whole["model"]["digest"]
