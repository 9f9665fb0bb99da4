"""The project around the code: import contracts, pinned versions, nothing heavy at import."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^[A-Za-z0-9._-]+(\[[a-z,]+\])?==[A-Za-z0-9.]+( ?;.*)?$")
# Put together here, so that this file itself has none.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("deb", "debian"),
    )
]


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and their contracts, to be broken."""
    for name in ("flows", "tasks", "training"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        (None, "", 0),
        ("training/engine.py", "import prefect", 1),
        ("training/engine.py", "import tasks.results", 1),
        ("tasks/training.py", "import flows.train", 1),
        ("training/models/base.py", "import training.run", 1),
        ("training/artifacts/names.py", "import training.models", 1),
    ],
)
def test_imports_point_one_way(copy: Path, file: str | None, line: str, broken: int) -> None:
    """The contracts hold, and each way of breaking them is found."""
    if file is not None:
        path = copy / file
        text = path.read_text()
        anchor = "from __future__ import annotations\n"
        path.write_text(text.replace(anchor, f"{anchor}{line}\n", 1))
    found = _lint_imports(copy)
    assert found.returncode == broken, found.stdout + found.stderr


def _tracked() -> list[Path]:
    command = ["git", "ls-files", "-z"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip("not a git checkout: nothing says which files are the project's")
    return [ROOT / name for name in found.stdout.split("\0") if name]


def test_no_file_names_a_package_registry() -> None:
    named = [
        (path.name, host)
        for path in _tracked()
        if path.is_file()
        for host in HOSTS
        if host in path.read_text(errors="replace")
    ]
    assert named == []


def test_constraints_are_exact_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line.strip() and not line.startswith("#")]
    assert [line for line in pins if not PIN.match(line)] == []


def test_everything_that_is_declared_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {re.split(r"[\[<>=!~ ;]", item)[0].lower() for group in groups for item in group}
    lines = (ROOT / "constraints.txt").read_text().lower().splitlines()
    pinned = {line.split("==")[0].split("[")[0] for line in lines if "==" in line}
    normal = {name.replace("_", "-") for name in pinned}
    assert {name.replace("_", "-") for name in declared} - normal == {"prefect-retrain"}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("training", ("prefect", "pandas", "numpy", "pydantic")),
        ("training.config", ("prefect", "pandas", "pyarrow", "torch")),
        ("training.artifacts", ("prefect", "pandas", "fsspec")),
        ("training.models", ("prefect", "pandas", "torch", "sklearn")),
        ("training.engine", ("prefect", "torch", "sklearn", "fsspec")),
        ("flows.cli", ("prefect", "pandas", "numpy", "rich")),
    ],
)
def test_importing_brings_nothing_that_is_not_used(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
