"""The set-up that `make` does, with a Python whose `pip` only writes down what it was asked for.

Real installs need a package index; what is tested here is when `make` asks for one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = """#!/bin/sh
case "$*" in
-c*) echo 3.12.0 ;;
"-m venv "*) echo venv >> "$LOG"; mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
*"pip "*) echo "$*" | sed 's/.*constraints.txt/pip/' >> "$LOG"; test ! -e fail ;;
esac
"""
OLD_PYTHON = """#!/bin/sh
echo 3.9.18; exit 1
"""


class Project:
    """A folder with the Makefile, and the Pythons that it can choose from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder)

    def add_python(self, name: str, script: str) -> Path:
        path = self.folder / name
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)
        return path

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `make` as a user would, not as a part of the `make test` that runs this."""
        outer = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "EXTRAS", "PYTHON"}
        environment = {key: value for key, value in os.environ.items() if key not in outer}
        return subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            env=environment | {"LOG": str(self.log)},
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self) -> list[str]:
        """What was installed since the last look."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


BASE = ["pip -e .", "pip --no-deps arch"]
DEV = ["pip -e .[dev]", "pip --no-deps arch"]


def test_a_complete_install_is_not_repeated(project: Project) -> None:
    python = f"PYTHON={project.add_python('python', PYTHON)}"
    assert project.make("setup", python).returncode == 0
    assert project.done() == ["venv", *BASE]
    project.make("setup", python)
    assert project.done() == []


def test_changed_versions_are_installed_over_the_old_ones(project: Project) -> None:
    python = f"PYTHON={project.add_python('python', PYTHON)}"
    project.make("setup", python)
    project.done()
    later = (project.folder / ".venv/.installed").stat().st_mtime + 10
    os.utime(project.folder / "constraints.txt", (later, later))
    project.make("setup", python)
    assert project.done() == BASE


def test_tests_need_what_develops_and_the_extras_asked_for(project: Project) -> None:
    """The stamp of one set says nothing of another, but all of them hold the base."""
    python = f"PYTHON={project.add_python('python', PYTHON)}"
    project.make("test", python)
    assert project.done() == ["venv", *DEV]
    project.make("test", "EXTRAS=all", python)
    assert project.done() == ["pip -e .[all]", "pip --no-deps arch"]
    project.make("setup", python)
    assert project.done() == []


def test_an_install_that_was_cut_off_begins_with_a_new_environment(project: Project) -> None:
    python = f"PYTHON={project.add_python('python', PYTHON)}"
    (project.folder / "fail").touch()
    assert project.make("setup", python).returncode != 0
    assert project.done() == ["venv", "pip -e ."]
    (project.folder / "fail").unlink()
    (project.folder / ".venv/half").touch()
    assert project.make("setup", python).returncode == 0
    assert project.done() == ["venv", *BASE]
    assert not (project.folder / ".venv/half").exists()


def test_a_python_that_is_too_old_is_named_in_one_line(project: Project) -> None:
    old = project.add_python("old", OLD_PYTHON)
    made = project.make("setup", f"PYTHON={old} no-such-python")
    first, last = made.stderr.strip().splitlines()
    assert f"{old} is 3.9.18" in first
    assert "apt install python3-venv" in first
    assert "Error" in last
    assert not (project.folder / ".venv").exists()


def test_the_first_python_that_will_do_is_taken(project: Project) -> None:
    old, new = project.add_python("old", OLD_PYTHON), project.add_python("new", PYTHON)
    assert project.make("setup", f"PYTHON={old} {new}").returncode == 0
    assert project.done() == ["venv", *BASE]
