"""A process that is killed at any operation on the file system: before, after and within it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore, fs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.training.artifacts.conftest import Check, Operation, Real, Seam

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

LOOKS = {"open_root", "open_directory", "open_file", "read", "names", "kind", "status"}


def killed(seam: Seam, operation: Operation, store: ArtifactStore, at: int, when: str) -> bool:
    """Do it in a child that dies at an operation; whether it came that far."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return os.WTERMSIG(status) == signal.SIGKILL
        assert os.WEXITSTATUS(status) == 0, "the operation failed by itself"
        return False
    left = at

    def kill(name: str, real: Real, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - any operation
        nonlocal left
        left -= 1
        if left != 0:
            return real(*arguments)
        if when == "within":
            real(arguments[0], arguments[1][: len(arguments[1]) // 2])
        elif when == "after":
            real(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    try:
        seam.hook = kill
        operation.act(store)
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.parametrize("renames", ["without replacing", "portably"])
def test_no_kill_harms_what_is_there_or_shows_a_part(
    renames: str,
    operation: Operation,
    seam: Seam,
    template: Path,
    check: Check,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The old loads, the new is whole or absent, a sweep cleans up, and a second try succeeds."""
    if renames == "portably":
        monkeypatch.setattr(fs, "_renameat2", None)
    folder = template.parent / "store"
    names = operations_of(operation, seam, template, folder)
    for at, name in enumerate(names, 1):
        for when in moments(name, is_last=at == len(names)):
            shutil.copytree(template, folder)
            store = ArtifactStore(folder)
            assert killed(seam, operation, store, at, when), f"{name} {at} was not reached"
            check(store, operation)
            shutil.rmtree(folder)


def moments(name: str, *, is_last: bool) -> list[str]:
    """When to kill: after one operation is before the next, and looking changes nothing."""
    before = [] if name in LOOKS else ["before"]
    return before + ["within"] * (name == "write") + ["after"] * is_last


@pytest.mark.long
def test_no_kill_at_random_harms_anything(
    operation: Operation, template: Path, check: Check
) -> None:
    """SIGKILL at any moment, between operations too: a thousand times for each operation."""
    random = np.random.default_rng(17)
    folder = template.parent / "store"
    for _ in range(1000):
        shutil.copytree(template, folder)
        store = ArtifactStore(folder)
        child = os.fork()
        if not child:
            try:
                operation.act(store)
            finally:
                os._exit(0)
        time.sleep(random.uniform(0, 0.003))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        check(store, operation)
        shutil.rmtree(folder)


def operations_of(operation: Operation, seam: Seam, template: Path, folder: Path) -> list[str]:
    """What it does to the file system, when nobody kills it."""
    shutil.copytree(template, folder)
    store = ArtifactStore(folder)
    seam.calls.clear()
    operation.act(store)
    names = list(seam.calls)
    shutil.rmtree(folder)
    return names
