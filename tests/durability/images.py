"""A real ext4 file system in a file, and what is on its disk at any moment: a copy of that file."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEGABYTES = 48
_TOOLS = ("mkfs.ext4", "mount", "umount")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _can_mount() -> bool:
    return os.geteuid() == 0 and all(shutil.which(tool, path=_PATH) for tool in _TOOLS)


CAN_MOUNT = _can_mount()


class Image:
    """A file with a file system in it, mounted.

    Attributes:
        root: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "disk.img"
        self.root = folder / "mounted"
        self.root.mkdir()
        with self._file.open("wb") as file:
            file.truncate(MEGABYTES * 2**20)
        _call("mkfs.ext4", "-q", "-F", str(self._file))

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """Use it."""
        _call("mount", "-o", "loop", str(self._file), str(self.root))
        try:
            yield self.root
        finally:
            _call("umount", str(self.root))

    def cut(self, name: str = "copy") -> Path:
        """Take what is on the disk now, as if the power had failed; the machine goes on."""
        copy = self._folder / f"{name}.img"
        _call("cp", "--sparse=always", str(self._file), str(copy))
        return copy

    @contextmanager
    def after(self, copy: Path) -> Iterator[Path]:
        """What the next start of the machine finds on such a disk."""
        place = copy.with_suffix("")
        place.mkdir(exist_ok=True)
        _call("mount", "-o", "loop", str(copy), str(place))
        try:
            yield place
        finally:
            _call("umount", str(place))
            copy.unlink()


def _call(*command: str) -> None:
    subprocess.run(command, check=True, env={"PATH": _PATH}, capture_output=True)
