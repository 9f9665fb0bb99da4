"""Importing what a configuration names, and nothing that a stored file names."""

from __future__ import annotations

import os
import re
from importlib import import_module
from inspect import isfunction
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from training.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def trusted_by_environment() -> frozenset[str]:
    """What RETRAIN_TRUSTED_MODULES says: modules and variables, comma-separated."""
    listed = os.environ.get("RETRAIN_TRUSTED_MODULES", "").split(",")
    return frozenset(name.strip() for name in listed if name.strip())


def refuse_untrusted_code(tree: Any, trusted: Collection[str]) -> None:  # noqa: ANN401 - any JSON value
    """A configuration that is stored, before it is used: what it names must be trusted.

    Any text of the shape `module:name` counts, wherever it stands; so does `block:NAME`, a secret.

    Raises:
        ConfigError: a module is not trusted.
    """
    if isinstance(tree, dict | list):
        for item in tree.values() if isinstance(tree, dict) else tree:
            refuse_untrusted_code(item, trusted)
    elif isinstance(tree, str) and _REFERENCE.fullmatch(tree):
        _require_trust(tree, trusted)


def import_class(reference: str, trusted: Collection[str] | None = None) -> type[Any]:
    """The class that `module:Class` names.

    Args:
        reference: for example `"my_models:Ridge"`.
        trusted: modules (or packages) that may be imported; None when the reference was written
            by the user who runs this process, and everything that this user can import is theirs.

    Raises:
        ConfigError: the module is not trusted, cannot be imported, or has no such class.
    """
    module, name = _named(reference, trusted, "module:Class")
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise _not_there(module, name, "class", lambda item: isinstance(item, type))
    return found


def import_function(reference: str, trusted: Collection[str] | None = None) -> Callable[..., Any]:
    """The function that `module:function` names.

    Args:
        reference: for example `"my_features:trend"`.
        trusted: as in `import_class`.

    Raises:
        ConfigError: the module is not trusted, cannot be imported, or has no such function.
    """
    module, name = _named(reference, trusted, "module:function")
    found = getattr(module, name, None)
    if not callable(found):
        raise _not_there(module, name, "function", isfunction)
    return cast("Callable[..., Any]", found)


def import_object(reference: str, trusted: Collection[str] | None = None) -> Any:  # noqa: ANN401 - whatever it is
    """What `module:name` names, of whatever type.

    Args:
        reference: for example `"my_schemas:BARS"`.
        trusted: as in `import_class`.

    Raises:
        ConfigError: the module is not trusted, cannot be imported, or has no such name.
    """
    module, name = _named(reference, trusted, "module:name")
    if not hasattr(module, name):
        raise _not_there(module, name, "object", lambda item: not isinstance(item, ModuleType))
    return getattr(module, name)


def _named(
    reference: str, trusted: Collection[str] | None, expected: str
) -> tuple[ModuleType, str]:
    module_name, _, name = reference.partition(":")
    _require_trust(reference, trusted)
    try:
        return import_module(module_name), name
    except ImportError as error:
        raise ConfigError(
            f"{reference!r} cannot be imported: {error}; expected {expected}, with the module "
            "installed, in the working directory or on PYTHONPATH"
        ) from error


def _require_trust(reference: str, trusted: Collection[str] | None) -> None:
    module = reference.partition(":")[0]
    if trusted is not None and not _is_trusted(module, trusted):
        raise ConfigError(
            f"{reference!r} comes from a stored file and its module is not trusted; if you know "
            f"it, allow it with --trust {module} or RETRAIN_TRUSTED_MODULES={module}"
        )


def _not_there(
    module: ModuleType, name: str, kind: str, is_one: Callable[[Any], bool]
) -> ConfigError:
    there = [known for known, item in vars(module).items() if is_one(item)]
    return ConfigError(
        f"module {module.__name__!r} has no {kind} {name!r}; {did_you_mean(name, there)}"
    )


def _is_trusted(module_name: str, trusted: Collection[str]) -> bool:
    return any(module_name == name or module_name.startswith(f"{name}.") for name in trusted)
