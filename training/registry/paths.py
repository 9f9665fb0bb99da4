"""Where the registry keeps what, under `models/NAME`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.artifacts.names import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MODELS = "models"


def versions_path(name: str) -> str:
    """All versions of a model."""
    return f"{MODELS}/{name}/versions"


def version_path(name: str, version: int) -> str:
    """One version: a commit."""
    return f"{versions_path(name)}/{version:08d}"


def claims_path(name: str) -> str:
    """Who may commit which version."""
    return f"{MODELS}/{name}/claims"


def claim_path(name: str, version: int) -> str:
    """Who may commit this version: a document."""
    return f"{claims_path(name)}/{version:08d}.json"


def runs_path(name: str) -> str:
    """Which version each run's weights got."""
    return f"{MODELS}/{name}/runs"


def note_path(name: str, owner: Mapping[str, str]) -> str:
    """Where it stands which version a run's weights got.

    Args:
        name: of the model.
        owner: what a claim says: `run_id`, `stage`, `digest`.
    """
    short = owner["digest"].partition(":")[2][:16]
    return f"{runs_path(name)}/{owner['run_id']}.{owner['stage']}.{short}.json"


def deleted_path(name: str, version: int | None = None) -> str:
    """That a version is deleted: a document; without a version, the folder of all of them."""
    folder = f"{MODELS}/{name}/deleted"
    return folder if version is None else f"{folder}/{version:08d}.json"


def alias_path(name: str, alias: str | None = None) -> str:
    """The log of an alias; without one, the folder of all of them."""
    folder = f"{MODELS}/{name}/aliases"
    return folder if alias is None else f"{folder}/{name_of(alias)}"


def labels_path(name: str, version: int) -> str:
    """The log of a version's tags and description."""
    return f"{MODELS}/{name}/labels/{version:08d}"


def decisions_path(name: str, version: int) -> str:
    """The log of what was decided about a version."""
    return f"{MODELS}/{name}/decisions/{version:08d}"
