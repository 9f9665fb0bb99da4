"""Names and paths in a store, checked before anything else looks at them.

A path is relative and made of names that start with a letter or a digit: there is no `..`, no
hidden file, no empty part, no percent-encoding and no other alphabet, so that a path means the
same on every storage and never leaves it.
"""

from __future__ import annotations

import re

from training.errors import ExistsError, InputError

MANIFEST = "manifest.json"
"""In a directory: this is a commit. The one name that nobody else may use."""

CONFIGS = "configs"
"""The folder of configuration files that a person keeps in the storage: not ours to check."""
MAX_DEPTH = 16

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_name(name: str) -> bool:
    """Whether a part of a path is well formed."""
    return _NAME.fullmatch(name) is not None


def parts_of(path: str) -> tuple[str, ...]:
    """The parts of a path, at least one.

    Raises:
        InputError: it is no path in a store.
    """
    parts = tuple(path.split("/"))
    if not all(map(is_name, parts)) or len(parts) > MAX_DEPTH or MANIFEST in parts:
        raise InputError(
            f"{path[:200]!r} is no path in a store; expected at most {MAX_DEPTH} names joined by "
            "'/', each of 1 to 128 letters, digits, '.', '_' or '-', the first one a letter or a "
            f"digit, and none of them {MANIFEST!r}"
        )
    return parts


def name_of(name: str) -> str:
    """The same name, checked.

    Raises:
        InputError: it is not one single name.
    """
    if len(parts_of(name)) > 1:
        raise InputError(f"{name!r} is a path; expected one name, without '/'")
    return name


def taken(path: str) -> ExistsError:
    """The error for a path that exists."""
    return ExistsError(
        f"{path} is there already, and what is stored is never overwritten; "
        "remove it first, or take another name"
    )
