"""Each guard is taken out of a copy of the project, and the test that is named for it must fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.durability.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]
COPIED = ("configs", "flows", "tasks", "tests", "training", "pyproject.toml")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, to be spoilt."""
    place = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        source, ignored = ROOT / name, shutil.ignore_patterns("__pycache__", ".hypothesis")
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=ignored)
        else:
            shutil.copy(source, place)
    return place


@pytest.mark.long
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_without_a_guard_its_test_fails(guard: Guard, copy: Path) -> None:
    """And with it, it succeeds: that is what the rest of the tests are for."""
    file = copy / guard.file
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace(guard.old, guard.new, 1), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-x", "-m", "not long", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, guard.test], cwd=copy, capture_output=True, text=True, check=False
        )
    finally:
        file.write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout[-2000:]
    assert " failed" in done.stdout or "FAILED" in done.stdout


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_is_where_the_list_says(guard: Guard) -> None:
    """Once, with a test of that name, and in the documentation."""
    assert (ROOT / guard.file).read_text(encoding="utf-8").count(guard.old) == 1
    file, _, name = guard.test.partition("::")
    assert name == "" or f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
    page = (ROOT / "docs/storage.md").read_text(encoding="utf-8")
    assert f"| {guard.name} | `{name or file.rpartition('/')[2]}` |" in page
