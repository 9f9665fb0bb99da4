"""What the documentation shows is run: commands, Python blocks, examples, configurations."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.cli.app import main
from training.config import RunConfig
from training.config.load import load_config, parse_config
from training.models import ModelFactory
from training.types import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.py"))
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def _blocks(language: str) -> Iterator[Any]:
    for page in PAGES:
        pattern = rf"^```{language}\n(.*?)^```"
        for number, text in enumerate(
            re.findall(pattern, page.read_text(), re.DOTALL | re.MULTILINE), 1
        ):
            yield pytest.param(text, id=f"{page.name}-{number}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the repository's configurations and examples."""
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
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in {0, None}, line


@pytest.mark.parametrize("text", _blocks("python"))
def test_python_blocks_run(text: str, folder: Path) -> None:
    names: dict[str, Any] = {"__name__": "block"}
    exec(compile(text, "block", "exec"), names)  # noqa: S102 - our own documentation
    for value in names.values():
        if isinstance(value, type) and hasattr(value, "train_on_batch"):
            _train(value)


def _train(kind: type[Any]) -> None:
    """A model class of the documentation trains, on a table, through the engine."""
    sys.modules["documented"] = type(sys)("documented")
    vars(sys.modules["documented"])["Documented"] = kind
    config = parse_config({"model": {"type": "documented:Documented"}})
    model = ModelFactory().get_model(config.model, ModelSpec(inputs=3))
    assert isinstance(model, kind)


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
    assert load_config(path).name


@pytest.mark.parametrize("name", ["quickstart", "linear", "logistic", "mlp", "custom"])
def test_configurations_of_the_sample_train(
    name: str, server: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each for two epochs, from the data to the registry."""
    command = ["retrain", "run", f"configs/{name}.yaml", "--set", "training.epochs=2"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in {0, None}
