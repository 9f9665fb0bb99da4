"""`retrain verify`, `repair` and `gc`: what they print, their exit codes, what they leave."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from flows.cli.app import main
from training.artifacts import ArtifactStore
from training.registry import ModelRegistry
from training.run import run_ids

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Retrain = Callable[..., tuple[int, str, str]]


@pytest.fixture
def retrain(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    train: Callable[..., Any],
    tmp_path: Path,
) -> Retrain:
    """Call the command in this process, on a storage with a finished run."""
    train(checkpoints={"keep": []})
    capsys.readouterr()
    monkeypatch.setenv("RETRAIN_STORAGE", str(tmp_path / "storage"))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["retrain", *arguments])
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return int(code or 0), out, err

    return call


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "storage")


def _checkpoints(store: ArtifactStore) -> list[str]:
    folder = f"runs/{run_ids(store)[0]}/checkpoints"
    return [f"{folder}/{name}" for name in store.children(folder)]


def test_a_whole_storage(retrain: Retrain) -> None:
    """0, and nothing on standard error, from all three."""
    code, out, err = retrain("verify")
    assert (code, err) == (0, "")
    assert "files" in out
    assert retrain("repair")[0] == 0
    code, out, err = retrain("gc")
    assert (code, err) == (0, "")
    assert "0 item(s), 0 bytes not needed" in out


def test_a_storage_that_is_not_there_is_wrong_input(retrain: Retrain, tmp_path: Path) -> None:
    """A check that looked at nothing must not say that all is well."""
    (tmp_path / "empty").mkdir()
    for place in ("nowhere", "empty"):
        for command in (("verify",), ("repair",), ("gc", "--yes"), ("verify", "--json")):
            code, out, err = retrain(*command, "--storage", str(tmp_path / place))
            assert (code, out) == (2, "")
            assert f"there is no storage at {tmp_path / place}" in err
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["run.json", "outcome.json", "attempts/00000001.json"])
def test_a_document_of_a_run_that_was_deleted_is_missed(
    name: str, retrain: Retrain, store: ArtifactStore, tmp_path: Path
) -> None:
    """Its other documents tell that it was there."""
    path = f"runs/{run_ids(store)[0]}/{name}"
    (tmp_path / "storage" / path).unlink()
    code, _, err = retrain("verify")
    assert code == 1
    assert f"{path}: missing" in err


def test_a_run_that_was_deleted_is_told_and_its_model_is_whole(
    retrain: Retrain, store: ArtifactStore
) -> None:
    """A version is a copy of its own."""
    (run_id,) = run_ids(store)
    store.remove(f"runs/{run_id}")
    code, out, _ = retrain("verify")
    assert code == 0
    assert f"run {run_id}, which made it, is not there any more" in out


def test_damage_is_found_then_moved_aside(
    retrain: Retrain, store: ArtifactStore, tmp_path: Path
) -> None:
    """1 while there is a problem, with the file; 0 after the repair, which says what it did."""
    oldest = _checkpoints(store)[0]
    (tmp_path / "storage" / oldest / "state.safetensors").write_bytes(b"x")
    code, _, err = retrain("verify")
    assert code == 1
    assert f"{oldest}/state.safetensors is damaged" in err
    assert "retrain repair" in err
    code, out, _ = retrain("repair", "--json")
    assert code == 0
    found = json.loads(out)
    assert [action["path"] for action in found["actions"]] == [oldest]
    assert found["problems"] == []
    code, out, _ = retrain("verify")
    assert code == 0
    assert f"left over: .quarantine/{oldest}.1/state.safetensors" in out
    code, out, _ = retrain("gc", "--quarantine", "--yes")
    assert code == 0
    assert json.loads(retrain("verify", "--json")[1])["left_over"] == []


def test_what_is_missing_is_told_and_cannot_be_repaired(
    retrain: Retrain, store: ArtifactStore
) -> None:
    """1 from both, with who misses it and the way out."""
    (name,) = ModelRegistry(store).names()
    path = ModelRegistry(store).get(f"{name}:1").uri
    store.remove(path)
    for command in ("verify", "repair"):
        code, _, err = retrain(command)
        assert code == 1
        assert f"{path}: missing" in err
        assert "starting its run again" in err


def test_what_is_not_needed_goes_only_when_asked(retrain: Retrain, store: ArtifactStore) -> None:
    """A look first; `--yes` deletes; what stays is whole."""
    path = f"runs/{run_ids(store)[0]}/run.json"
    body = store.document(path)
    body["config"]["checkpoints"]["keep"] = [{"type": "latest", "n": 1}]
    store.replace(path, body)
    newest = _checkpoints(store)[-1]
    code, out, _ = retrain("gc")
    assert code == 0
    assert "3 item(s)" in out
    assert "nothing was deleted: `retrain gc --yes` does it" in out
    assert len(_checkpoints(store)) == 4
    found = json.loads(retrain("gc", "--yes", "--json")[1])
    assert found["deleted"]
    assert found["bytes"] == sum(item["bytes"] for item in found["removals"]) > 0
    assert _checkpoints(store) == [newest]
    assert retrain("verify")[0] == 0


def test_a_name_that_is_not_there_is_wrong_input(retrain: Retrain) -> None:
    """2, in one line."""
    for command in ("verify", "repair"):
        code, out, err = retrain(command, "nobody")
        assert (code, out) == (2, "")
        assert "nobody" in err
        assert len(err.splitlines()) == 1


def test_a_model_is_shown_and_verified_by_its_alias(retrain: Retrain, store: ArtifactStore) -> None:
    """Wherever a model is named; an alias that is not there is wrong input."""
    registry = ModelRegistry(store)
    (name,) = registry.names()
    registry.set_alias(name, "champion", 1, expect=None)
    code, out, _ = retrain("models", "show", f"{name}@champion", "--json")
    assert code == 0
    assert json.loads(out)["version"] == 1
    for reference in (f"{name}@champion", f"{name}:1", name, *run_ids(store)):
        assert retrain("verify", reference)[0] == 0
    code, _, err = retrain("verify", "nothing:1")
    assert (code, "no model 'nothing'" in err) == (2, True), err
    code, _, err = retrain("models", "show", f"{name}@champ")
    assert code == 2
    assert "did you mean 'champion'" in err
