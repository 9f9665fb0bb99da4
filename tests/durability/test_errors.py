"""A disk that is full, failing, or over its quota, at any operation on the file system."""

from __future__ import annotations

import errno
import os
import shutil
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from tests.durability.operations import OPERATIONS, fill
from tests.durability.tally import judge, outside
from training.artifacts import ArtifactStore, fs
from training.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.durability.tally import Tally

CODES = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EMFILE, errno.EROFS)


class Failing:
    """Fails one operation, or all from one on.

    Attributes:
        reached: whether the operation came that far.
    """

    def __init__(self, patch: pytest.MonkeyPatch, at: int, code: int, *, lasting: bool) -> None:
        self._left, self._code, self._lasting = at, code, lasting
        self.reached = False
        for name, real in list(vars(fs).items()):
            if getattr(real, "__module__", "") == fs.__name__ and not name.startswith("_"):
                patch.setattr(fs, name, self._wrapped(name, real))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:  # noqa: ANN401 - any operation
            self._left -= 1
            if self._left == 0 or (self._lasting and self._left < 0):
                self.reached = True
                if name == "close":
                    real(*arguments)  # the system closes a file even when it says that it failed
                raise OSError(self._code, os.strerror(self._code))
            return real(*arguments)

        return call


def try_errors(
    name: str,
    tally: Tally,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    every: int,
    lasting: bool,
) -> None:
    """Raise at every so-manieth operation; whatever is raised is ours, and nothing is harmed."""
    template, root = folder / "template", folder / "in" / "store"
    fill(ArtifactStore(template))
    codes = cycle(CODES)
    at = 1
    while True:
        shutil.rmtree(root.parent, ignore_errors=True)
        shutil.copytree(template, root)
        store, returned, said = ArtifactStore(root), False, str(root)
        with monkeypatch.context() as patch:
            failing = Failing(patch, at, next(codes), lasting=lasting)
            try:
                OPERATIONS[name].act(store)
                returned = True
            except StorageError as error:
                said = str(error)
        if not failing.reached:
            break
        assert str(root) in said
        faults = list(judge(store, OPERATIONS[name], returned=returned))
        faults += ["leaked outside"] * bool(outside(root))
        tally.add("errors injected", faults)
        assert not faults, f"{faults} after an error at operation {at}"
        at += every
    assert at > 10 * every or every > 1


@pytest.mark.parametrize("name", ["next save", "register", "alias"])
def test_no_error_is_swallowed_or_harms_anything(
    name: str, tally: Tally, quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice of the campaign."""
    try_errors(name, tally, quick_path, monkeypatch, every=13, lasting=False)


@pytest.mark.long
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_error_anywhere_is_swallowed_or_harms_anything(
    name: str, lasting: bool, tally: Tally, quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every operation of every call: once, and from then on."""
    try_errors(name, tally, quick_path, monkeypatch, every=1, lasting=lasting)
