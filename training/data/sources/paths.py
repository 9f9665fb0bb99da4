"""From the path in a configuration to files: one, a folder of them, or a glob; local or a URL."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fsspec import AbstractFileSystem


def find_files(path: str, endings: Sequence[str]) -> tuple[AbstractFileSystem, list[str]]:
    """The file system and the files in it that a path means, in the order of their names.

    Raises:
        DataError: there is none, or no way to such a file system.
    """
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(path)
        found = _matches(system, root, endings)
    except (ImportError, ValueError, OSError) as error:
        raise DataError(f"{without_secrets(path)}: cannot be reached: {error}") from None
    if not found:
        raise DataError(f"{without_secrets(path)}: {_why_nothing(system, root, endings)}")
    return system, found


def without_secrets(path: str) -> str:
    """A URL without the user and password in it; it is going to be shown and stored."""
    return re.sub(r"//[^/@]*@", "//…@", path)


def _matches(system: AbstractFileSystem, root: str, endings: Sequence[str]) -> list[str]:
    if system.isfile(root):
        return [root]
    found = system.find(root) if system.isdir(root) else system.glob(root)
    return sorted(
        name
        for name in found
        if name.lower().endswith(tuple(endings)) and not PurePosixPath(name).name.startswith(".")
    )


def _why_nothing(system: AbstractFileSystem, root: str, endings: Sequence[str]) -> str:
    if system.isdir(root):
        return f"is a folder without a file that ends in {', '.join(endings)}"
    folder = str(PurePosixPath(root).parent)
    if not system.isdir(folder):
        return "there is no such file, nor its folder; a path is relative to the working directory"
    names = [PurePosixPath(_name(item)).name for item in system.ls(folder, detail=False)]
    near = get_close_matches(PurePosixPath(root).name, names, n=1)
    return f"there is no such file{f'; did you mean {near[0]!r} beside it?' if near else ''}"


def _name(item: Any) -> str:  # noqa: ANN401 - some file systems list records all the same
    return str(item["name"] if isinstance(item, dict) else item).rstrip("/")
