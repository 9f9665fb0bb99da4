"""Recording what a store does to its files, through its one seam to the file system."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.durability.simulator import ROOT, Files, Step
from training.artifacts import fs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    Real = Callable[..., Any]


def files_of(root: Path) -> tuple[Files, dict[int, int]]:
    """What is below a directory, and the number that each real inode has in it."""
    files, numbers, fresh = Files({ROOT: {}}), {root.stat().st_ino: ROOT}, count(1)
    for path in sorted(root.rglob("*")):
        inode = path.stat().st_ino
        number = numbers[inode] if inode in numbers else next(fresh)  # a file may have two names
        numbers[inode] = number
        files.directories[numbers[path.parent.stat().st_ino]][path.name] = number
        if path.is_dir():
            files.directories[number] = {}
        else:
            files.contents[number] = path.read_bytes()
    return files, numbers


class Recorder:
    """All changes that are made below a directory from now on.

    Attributes:
        before: what was there.
        steps: what was done.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.before, self._numbers = files_of(root)
        self.steps: list[Step] = []
        self._fresh = count(len(self._numbers) + 1)
        for name in ("make_directory", "create_file", "write", "sync", "empty", "link"):
            self._wrap(monkeypatch, name)
        for name in ("rename", "publish", "replace", "unlink", "remove_directory", "open_lock"):
            self._wrap(monkeypatch, name)
        for name in ("create_unnamed", "give_name"):
            self._wrap(monkeypatch, name)

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        real, note = getattr(fs, name), getattr(self, f"_{name}")

        def call(*arguments: Any) -> Any:  # noqa: ANN401 - any operation
            return note(real, *arguments)

        monkeypatch.setattr(fs, name, call)

    def _number(self, name: str, inside: int) -> int:
        return self._numbers[os.stat(name, dir_fd=inside, follow_symlinks=False).st_ino]

    def _new(self, name: str, inside: int) -> int:
        inode = os.stat(name, dir_fd=inside, follow_symlinks=False).st_ino
        self._numbers[inode] = next(self._fresh)  # the system gives numbers again
        return self._numbers[inode]

    def _of(self, file: int) -> int:
        return self._numbers[os.fstat(file).st_ino]

    def _make_directory(self, real: Real, name: str, inside: int, *more: int) -> None:
        real(name, inside, *more)
        self.steps.append(Step("make", self._new(name, inside), self._of(inside), name))

    def _create_file(self, real: Real, name: str, inside: int, *more: int) -> int:
        file: int = real(name, inside, *more)
        self.steps.append(Step("create", self._new(name, inside), self._of(inside), name))
        return file

    def _create_unnamed(self, real: Real, inside: int) -> int:
        file: int = real(inside)
        self._numbers[os.fstat(file).st_ino] = next(self._fresh)
        self.steps.append(Step("create", self._of(file)))
        return file

    def _give_name(self, real: Real, file: int, name: str, inside: int) -> None:
        real(file, name, inside)
        self.steps.append(Step("link", self._of(file), self._of(inside), name))

    def _open_lock(self, real: Real, name: str, inside: int) -> int:
        there = name in os.listdir(inside)
        file: int = real(name, inside)
        if not there:
            self.steps.append(Step("create", self._new(name, inside), self._of(inside), name))
        return file

    def _write(self, real: Real, file: int, data: memoryview) -> int:
        size: int = real(file, data)
        self.steps.append(Step("write", self._of(file), data=bytes(data[:size])))
        return size

    def _empty(self, real: Real, file: int) -> None:
        real(file)
        self.steps.append(Step("empty", self._of(file)))

    def _sync(self, real: Real, file: int) -> None:
        real(file)
        self.steps.append(Step("sync", self._of(file)))

    def _link(self, real: Real, name: str, inside: int, new_name: str, new_inside: int) -> None:
        real(name, inside, new_name, new_inside)
        number = self._number(new_name, new_inside)
        self.steps.append(Step("link", number, self._of(new_inside), new_name))

    def _rename(self, real: Real, name: str, inside: int, new_name: str, new_inside: int) -> None:
        number = self._number(name, inside)
        real(name, inside, new_name, new_inside)
        places = (self._of(inside), name, self._of(new_inside), new_name)
        self.steps.append(Step("rename", number, *places))

    _publish = _replace = _rename

    def _unlink(self, real: Real, name: str, inside: int) -> None:
        number = self._number(name, inside)
        real(name, inside)
        self.steps.append(Step("unlink", number, self._of(inside), name))

    _remove_directory = _unlink
