"""Where the registry keeps what, under `models/NAME`."""

from __future__ import annotations

from training.artifacts.names import name_of

MODELS = "models"


def files_path(name: str, place: str | None = None) -> str:
    """The files of one model of a run: a commit; without a place, the folder of all of them."""
    folder = f"{MODELS}/{name}/files"
    return folder if place is None else f"{folder}/{name_of(place)}"


def place_of(run_id: str, stage: str, digest: str) -> str:
    """The name of the folder that a run's weights lie in; nobody else's have that name."""
    return f"{run_id}.{stage}.{digest.partition(':')[2][:16]}"


def used_up_path(name: str, place: str) -> str:
    """That the files of this place were deleted, and that none are ever put there again."""
    return f"{MODELS}/{name}/used-up/{name_of(place)}.json"


def versions_path(name: str) -> str:
    """All versions of a model."""
    return f"{MODELS}/{name}/versions"


def version_path(name: str, version: int) -> str:
    """Which files are this version: a document, made exclusively and never taken away."""
    return f"{versions_path(name)}/{version:08d}.json"


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
