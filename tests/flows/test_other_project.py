"""Somebody else's project, with packages `flows` and `tasks` of its own, and ours installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

OWN_TASK = """
from prefect import task

@task
def clean(path: str) -> str:
    return path
"""
OWN_FLOW = """
import sys
from prefect import flow
from tasks.clean import clean
{imports}

@flow
def etl(path: str) -> dict:
    source = {{"type": "csv", "path": clean(path)}}
    data = {{"source": source, "features": [{{"type": "columns"}}],
            "target": {{"type": "column", "column": "y"}}}}
    return train(parse_config({{"name": "theirs", "data": data, "training": {{"epochs": 1}}}}))

if __name__ == "__main__":
    print("trained", etl(sys.argv[1])["model"]["version"], __file__)
"""
BY_OURS = "from flows.train import train\nfrom training.config.load import parse_config"
BY_ALIAS = "from prefect_retrain import parse_config, train"
ROOT = Path(__file__).parents[2]
AS_INSTALLED = """
import runpy, sys
# An editable installation finds our modules by name, whoever's package they are looked for in.
sys.meta_path[:] = [one for one in sys.meta_path if "editable" not in str(one).lower()]
sys.path.append({root!r})
runpy.run_module("flows.etl", run_name="__main__", alter_sys=True)
"""
CONFIG = """
name: theirs
data: {source: {type: csv, path: table.csv}, features: [{type: columns}],
  target: {type: column, column: y}}
training: {epochs: 1}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of their own; only its working directory and the environment are theirs."""
    for name in ("flows", "tasks"):
        (tmp_path / name).mkdir()
    (tmp_path / "tasks/clean.py").write_text(OWN_TASK)
    rows = "\n".join(f"{i % 7},{i % 5},{i % 3}" for i in range(200))
    (tmp_path / "table.csv").write_text(f"a,b,y\n{rows}\n")
    (tmp_path / "theirs.yaml").write_text(CONFIG)
    return tmp_path


def _regular(project: Path) -> None:
    for name in ("flows", "tasks"):
        (project / name / "__init__.py").touch()


def _call(project: Path, *words: str, api: str | None = None) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    environment |= {"PREFECT_HOME": str(project / "home"), "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    done = subprocess.run(
        words,
        cwd=project,
        env=environment | ({"PREFECT_API_URL": api} if api else {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    return done.returncode, done.stdout + done.stderr


def _etl(project: Path, imports: str, api: str) -> tuple[int, str]:
    (project / "flows/etl.py").write_text(OWN_FLOW.format(imports=imports))
    start = AS_INSTALLED.format(root=str(ROOT))
    return _call(project, sys.executable, "-c", start, "table.csv", api=api)


def test_our_flows_are_imported_under_a_name_of_their_own(server: str, project: Path) -> None:
    """Where `flows` is theirs, `flows.train` is not there; `prefect_retrain` is."""
    _regular(project)
    code, said = _etl(project, BY_OURS, server)
    assert (code, "No module named 'flows.train'" in said) == (1, True)
    code, said = _etl(project, BY_ALIAS, server)
    assert code == 0, said
    assert "trained 1" in said
    assert str(project) in said


def test_a_module_that_both_have_is_refused_by_name(server: str, project: Path) -> None:
    """Neither is taken for the other."""
    _regular(project)
    (project / "tasks/policies.py").touch()
    code, said = _etl(project, BY_ALIAS, server)
    assert code == 1
    assert "has modules that this project has too (tasks.policies)" in said
    assert "run_deployment" in said


def test_packages_without_an_init_share_the_name(server: str, project: Path) -> None:
    """Both are found, theirs and ours."""
    code, said = _etl(project, BY_OURS, server)
    assert code == 0, said
    assert "trained 1" in said


@pytest.mark.slow
def test_the_command_works_in_such_a_folder(project: Path) -> None:
    """With its temporary server, and tasks of ours."""
    _regular(project)
    retrain = str(Path(sys.executable).with_name("retrain"))
    code, said = _call(project, retrain, "run", "theirs.yaml")
    assert code == 0, said
    assert "theirs:1" in said
