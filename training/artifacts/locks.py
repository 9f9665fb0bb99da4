"""Locks on a local disk, which the kernel frees when their owner dies, however it dies."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blake3 import blake3

from training.artifacts import fs
from training.artifacts.folders import opened
from training.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts.folders import Folders

LOCKS = ".locks"

_NOTE_BYTES = 256


@contextmanager
def disk_lock(folders: Folders, path: str) -> Iterator[None]:
    """Hold the lock of a path; it says for people who holds it.

    Raises:
        BusyError: another process, or another `with` of this one, holds it.
    """
    owner = os.getpid()
    name = blake3(path.encode()).hexdigest()[:32]
    with folders.explained(f"lock {path}"), folders.make((LOCKS,), durable=False) as area:
        file = _locked(name, area, f"{path} in {folders.root}")
    try:
        yield
    finally:
        if os.getpid() == owner:  # in a process forked off since, the lock is not ours
            with (
                folders.explained(f"unlock {path}"),
                opened(file),
                folders.open((LOCKS,)) as area,
            ):
                fs.unlink(name, area)  # while it is locked: nobody locks a file without a name


def _locked(name: str, area: int, what: str) -> int:
    while True:
        file = fs.open_lock(name, area)
        if not fs.lock(file):
            raise BusyError(f"{what} is in use by {_owner(file)}; wait, or stop that one")
        if fs.status(file).st_nlink:
            fs.empty(file)
            fs.write(file, memoryview(f"{os.getpid()} on {platform.node()}".encode()))
            return file
        fs.close(file)  # its former owner removed it just now: the name is free


def _owner(file: int) -> str:
    note = memoryview(bytearray(_NOTE_BYTES))
    with opened(file):
        owner = bytes(note[: fs.read(file, note)]).decode(errors="replace")
    return f"process {owner}" if owner else "another process"
