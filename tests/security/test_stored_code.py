"""A stored configuration names code: it is imported only if the person at the keyboard says so."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.cli.app import main
from training.artifacts import ArtifactStore
from training.config.load import load_config
from training.engine import TrainingEngine
from training.registry import ModelRegistry
from training.registry.load import load_model
from training.run import run_ids

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with a run of the packaged sample in it."""
    storage = tmp_path_factory.mktemp("stored")
    config = load_config(ROOT / "configs/quickstart.yaml", ["training.epochs=1"])
    TrainingEngine(storage, name=config.name).train(config.model, config.data, config.training)
    return storage


def hostile(config: dict[str, Any], place: str, proof: Path) -> None:
    """Name a class of the standard library that runs a program."""
    section = {"type": "subprocess:Popen", "args": ["touch", str(proof)]}
    if place == "callback":
        config["callbacks"] = [section]
    else:
        config[place] = section


def rewrite(store: ArtifactStore, change: Callable[[dict[str, Any]], None]) -> str:
    """Change the stored run, as whoever may write there can; returns its id."""
    (run_id,) = run_ids(store)
    path = f"runs/{run_id}/run.json"
    body = store.document(path)
    change(body["config"])
    store.replace(path, body)
    store.remove(f"runs/{run_id}/outcome.json")
    return run_id


@pytest.mark.parametrize("place", ["model", "callback", "source"])
def test_a_stored_run_that_names_a_program_is_refused(
    place: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`retrain resume` ends with 2 and names the module; nothing runs, no server is started."""
    proof = tmp_path / "executed"
    store = ArtifactStore(trained)

    def change(config: dict[str, Any]) -> None:
        if place == "source":
            hostile(config["data"], "source", proof)
        else:
            hostile(config, place, proof)

    (run_id,) = run_ids(store)
    before = store.document(f"runs/{run_id}/run.json")
    rewrite(store, change)
    monkeypatch.setattr(sys, "argv", ["retrain", "resume", run_id, "--storage", str(trained)])
    with pytest.raises(SystemExit) as ended:
        main()
    store.replace(f"runs/{run_id}/run.json", before)
    told = capsys.readouterr()
    assert ended.value.code == 2
    assert "subprocess" in told.err
    assert "Traceback" not in told.err
    assert not proof.exists()


def test_looking_at_a_hostile_storage_imports_nothing(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every command that only looks: the module stays unimported."""
    store = ArtifactStore(trained)
    (run_id,) = run_ids(store)
    before = store.document(f"runs/{run_id}/run.json")

    def change(config: dict[str, Any]) -> None:
        config["model"] = {"type": "antigravity:Popen"}
        config["callbacks"] = [{"type": "antigravity:Popen"}]

    rewrite(store, change)
    for command in (["runs"], ["show", run_id], ["verify"], ["gc"], ["repair"], ["models", "list"]):
        monkeypatch.setattr(sys, "argv", ["retrain", *command, "--storage", str(trained)])
        with suppress(SystemExit):
            main()
    assert "antigravity" not in sys.modules
    store.replace(f"runs/{run_id}/run.json", before)


def test_a_registered_model_that_names_a_program_is_refused(trained: Path, tmp_path: Path) -> None:
    """By whoever loads it to score."""
    registry = ModelRegistry(ArtifactStore(trained))
    (name,) = registry.names()
    version = registry.get(name)
    card = {**version.card, "run_id": "hostile"}
    config = {**card["config"]}
    hostile(config, "model", tmp_path / "executed")
    card["config"] = config
    registry.save_model("hostile", registry.weights(version), registry.pipeline(version), card)
    from training.errors import ConfigError

    with pytest.raises(ConfigError, match="subprocess"):
        load_model(registry, "hostile")
    assert not (tmp_path / "executed").exists()
