"""What the documentation shows is run: commands, Python blocks, examples, configurations."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from flows.cli.app import main
from training.config import DataConfig, RunConfig
from training.config.load import load_config, load_pipeline
from training.config.sources import SampleSource
from training.data import DataManager
from training.data.sources.sample import read_sample
from training.engine import TrainingEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from training.callbacks import CallbackBase

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.py"))
BRIEF = {"steps_per_epoch": 200, "evaluation_episodes": 2}
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def _blocks(language: str) -> list[Any]:
    return list(_each_block(language))


def _each_block(language: str) -> Iterator[Any]:
    for page in PAGES:
        pattern = rf"^```{language}\n(.*?)^```"
        for number, text in enumerate(
            re.findall(pattern, page.read_text(), re.DOTALL | re.MULTILINE), 1
        ):
            yield pytest.param(text, id=f"{page.name}-{number}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the repository's configurations and examples, and prices."""
    prices = read_sample(SampleSource(name="sp500")).frame.tail(400)
    prices.to_csv(tmp_path / "prices.csv", index=False)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    shutil.copytree(ROOT / "docs/examples", tmp_path / "docs/examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("text", _blocks("bash"))
def test_commands_succeed_in_order(
    text: str, server: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line for line in text.splitlines() if line.startswith("retrain ")]
    assert lines
    if "retrain pipeline" in text:
        runpy.run_path("docs/examples/source_database.py", run_name="__main__")
    for line in lines:
        _retrain(monkeypatch, *shlex.split(line, comments=True))


@pytest.mark.parametrize("text", _blocks("python"))
def test_python_blocks_run(text: str, folder: Path, table: pd.DataFrame) -> None:
    """And what they define works: a model trains, a callback listens."""
    for library in ("sklearn", "torch", "gymnasium"):
        if f"import {library}" in text or f"from {library}" in text:
            pytest.importorskip(library, reason=f"{library} is an extra")
    if "training.market.environment" in text:
        pytest.importorskip("gymnasium", reason="gymnasium is an extra")
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(text, "block", "exec"), names)  # noqa: S102 - our own documentation
    module = ModuleType("documented")
    vars(module).update(names)
    sys.modules["documented"] = module
    model, callbacks = _defined(names)
    data = {
        "source": {"type": "dataframe"},
        "features": [{"type": "columns"}],
        "target": {"type": "column", "column": "y"},
    }
    manager = DataManager(DataConfig.model_validate(data), frame=table)
    needs = {"source": {"type": "none"}} if "environment" in model else manager
    result = TrainingEngine(folder / "storage").train(
        model, needs, {"epochs": 2}, callbacks=callbacks
    )
    assert result.epochs_completed == 2


def _defined(names: dict[str, Any]) -> tuple[dict[str, Any], list[CallbackBase]]:
    """The model and the callbacks that a block defines; a small perceptron where it has none."""
    model: dict[str, Any] = {"type": "mlp", "hidden": [4]}
    callbacks: list[CallbackBase] = []
    for name, value in names.items():
        reference, own = f"documented:{name}", getattr(value, "__module__", "") == "documented"
        if isinstance(value, type) and hasattr(value, "train_on_batch"):
            model = {"type": reference}
        elif not own:
            continue
        elif hasattr(value, "partial_fit"):
            model = {"type": "sklearn", "estimator": reference}
        elif hasattr(value, "forward"):
            model = {"type": "torch", "device": "cpu", "network": {"type": reference}}
        elif hasattr(value, "reset") and hasattr(value, "step"):
            model = {"type": "a2c", "environment": {"type": reference}, **BRIEF}
        elif isinstance(value, type):
            callbacks.append(value())
    return model, callbacks


@pytest.mark.parametrize("text", _blocks("yaml"))
def test_yaml_blocks_are_configurations(text: str, folder: Path) -> None:
    path = folder / "block.yaml"
    path.write_text(text)
    assert isinstance(load_config(path), RunConfig)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_run(path: Path, folder: Path) -> None:
    runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configurations_are_valid(path: Path) -> None:
    load = load_pipeline if path.stem == "pipeline" else load_config
    assert load(path).name


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("quickstart", "numpy"),
        ("linear", "numpy"),
        ("logistic", "numpy"),
        ("mlp", "numpy"),
        ("custom", "numpy"),
        ("market", "numpy"),
        ("retrain", "numpy"),
        ("sklearn", "sklearn"),
        ("forest", "sklearn"),
        ("torch", "torch"),
        ("lstm", "torch"),
        ("transformer", "torch"),
        ("cartpole", "stable_baselines3"),
        ("ppo", "stable_baselines3"),
        ("dqn", "stable_baselines3"),
        ("a2c", "stable_baselines3"),
    ],
)
def test_configurations_of_the_sample_train(
    name: str, needs: str, server: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each for two epochs, from the data to the registry."""
    pytest.importorskip(needs, reason=f"{needs} is an extra")
    shorter = ["training.epochs=2"]
    if needs == "stable_baselines3":
        shorter += ["model.steps_per_epoch=500"]
    overrides = [word for one in shorter for word in ("--set", one)]
    _retrain(monkeypatch, "retrain", "run", f"configs/{name}.yaml", *overrides)


def _retrain(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", list(arguments))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in {0, None}, arguments
