"""The project around the code: pinned versions, import contracts, what a light import costs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "prefect_retrain", "tasks", "training")
PLATFORMS = [
    {"python_version": python, "sys_platform": system, "platform_machine": machine}
    for python in ("3.11", "3.12", "3.13")
    for system, machine in (("linux", "x86_64"), ("darwin", "arm64"), ("darwin", "x86_64"))
]
# A class around one letter or sign of each, since this file is looked through as well.
REGISTRY = re.compile(
    r"p[y]pi[.]org|python[h]osted[.]org|n[p]mjs|ana[c]onda[.]org|pytorch[.]org/whl|deb[.]debian"
    r"|index[-]url|find[-]links"
)


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def _declared() -> list[Requirement]:
    project = _project()["project"]
    extras = project["optional-dependencies"].values()
    listed = [*project["dependencies"], *(line for extra in extras for line in extra)]
    return [item for item in map(Requirement, listed) if item.name != project["name"]]


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the packages in this folder, not those that are installed."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and their contracts, to be spoilt."""
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_import_contracts_are_kept(copy: Path) -> None:
    checked = _lint_imports(copy)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("training/engine.py", "import prefect", "training never imports prefect"),
        ("training/engine.py", "import tasks.results", "flows > tasks > training"),
        ("tasks/training.py", "import flows.train", "flows > tasks > training"),
        ("training/models/base.py", "import training.run", "the floors of training"),
        ("training/artifacts/names.py", "import training.models", "the floors of training"),
        ("training/errors.py", "import training.engine", "the floors of training"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(
    copy: Path, file: str, line: str, contract: str
) -> None:
    with (copy / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    checked = _lint_imports(copy)
    assert checked.returncode == 1
    assert f"{contract} BROKEN" in checked.stdout


def test_every_constraint_is_one_exact_public_version() -> None:
    """No ranges, no builds of one machine, no addresses; one version a platform."""
    for pin in _pins():
        (version,) = pin.specifier
        assert version.operator == "==", pin
        assert not re.search(r"[*+]", version.version), pin
        assert pin.url is None, pin
        assert not pin.extras, pin
    for platform in PLATFORMS:
        names = [
            canonicalize_name(pin.name)
            for pin in _pins()
            if pin.marker is None or pin.marker.evaluate(platform)
        ]
        assert sorted(names) == sorted(set(names)), platform


def test_every_declared_dependency_is_pinned_within_its_bounds() -> None:
    pins = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in _pins()}
    for declared in _declared():
        assert declared.specifier.contains(pins[canonicalize_name(declared.name)]), declared


def test_what_the_makefile_installs_without_dependencies_is_pinned_too() -> None:
    """`arch`, whose data file is the packaged sample."""
    (name,) = re.findall(r"--no-deps (\w+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert name in {pin.name for pin in _pins()}


def test_no_file_names_a_registry() -> None:
    """An install works with whatever package index a machine is set up for."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of committed files")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    found = [
        f"{file.relative_to(ROOT)}: {match.group()}"
        for file in files
        if file.is_file()
        for match in REGISTRY.finditer(file.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("training", ("prefect", "pandas", "pyarrow", "torch", "sklearn", "numpy", "pydantic")),
        ("training.config", ("prefect", "pandas", "pyarrow", "torch", "sklearn")),
        ("training.artifacts", ("prefect", "pandas", "fsspec")),
        ("training.models", ("prefect", "pandas", "torch", "sklearn")),
        ("training.market", ("prefect", "pandas", "gymnasium")),
        ("training.config.trading", ("pandas", "gymnasium")),
        ("training.engine", ("prefect", "torch", "sklearn", "fsspec")),
        ("flows.cli", ("prefect", "pandas", "numpy", "rich")),
    ],
)
def test_importing_brings_nothing_that_is_not_used(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*[name for name in {absent!r} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []


def test_every_folder_of_code_is_in_the_wheel() -> None:
    """A folder without `__init__.py` would be left out silently, a package without `py.typed`."""
    for name in PACKAGES:
        assert (ROOT / name / "py.typed").is_file()
        folders = {file.parent for file in (ROOT / name).rglob("*.py")}
        bare = [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]
        assert bare == []
