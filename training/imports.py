"""Importing a class that a configuration names, and nothing that a stored file names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from training.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection


def import_class(reference: str, trusted: Collection[str] | None = None) -> type[Any]:
    """The class that `module:Class` names.

    Args:
        reference: for example `"my_models:Ridge"`.
        trusted: modules (or packages) that may be imported; None when the reference was written
            by the user who runs this process, and everything that this user can import is theirs.

    Raises:
        ConfigError: the module is not trusted, cannot be imported, or has no such class.
    """
    module_name, _, class_name = reference.partition(":")
    if trusted is not None and not _is_trusted(module_name, trusted):
        raise ConfigError(
            f"{reference!r} comes from a stored file and its module is not trusted; if you know "
            f"it, allow it with --trust {module_name} or RETRAIN_TRUSTED_MODULES={module_name}"
        )
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"{reference!r} cannot be imported: {error}; expected module:Class, with the module "
            "installed, in the working directory or on PYTHONPATH"
        ) from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        classes = [name for name, item in vars(module).items() if isinstance(item, type)]
        raise ConfigError(
            f"module {module_name!r} has no class {class_name!r}; "
            f"{did_you_mean(class_name, classes)}"
        )
    return found


def _is_trusted(module_name: str, trusted: Collection[str]) -> bool:
    return any(module_name == name or module_name.startswith(f"{name}.") for name in trusted)
