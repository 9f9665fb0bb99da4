"""What can be looked at on this machine alone."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from packaging.requirements import Requirement

from flows.doctor.check import ok, problem, warning
from training.artifacts import ArtifactStore
from training.errors import RetrainError
from training.secrets import without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.doctor.check import Check

SCARCE = 5 * 2**30
"""Bytes free below which a disk is worth a look: a checkpoint of a large model takes one."""
TOO_LITTLE = 2**30
PACKAGE = "prefect-retrain"


def versions(demands: Sequence[str] | None = None) -> Check:
    """Whether what is installed is what this project was tried with.

    Args:
        demands: requirements as in pyproject.toml; None: those of this package.
    """
    try:
        listed = requires(PACKAGE) or [] if demands is None else demands
    except PackageNotFoundError:
        return warning(
            "versions", "this package is not installed", "pip install -e . -c constraints.txt"
        )
    wanted = [one for one in map(Requirement, listed) if _of_the_base(one)]
    unfit = [text for text in map(_misfit, wanted) if text]
    if unfit:
        return problem(
            "versions",
            f"do not fit together: {'; '.join(unfit)}",
            "pip install -c constraints.txt -e . (the file has the versions that do)",
        )
    return ok("versions", f"{len(wanted)} requirements are met, prefect {version('prefect')}")


def _of_the_base(wanted: Requirement) -> bool:
    """Whether it is needed here, whatever extras are installed."""
    return wanted.marker is None or wanted.marker.evaluate({"extra": ""})


def _misfit(wanted: Requirement) -> str:
    """Why an installed version will not do; empty: it does."""
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return f"{wanted.name} is not installed"
    fits = wanted.specifier.contains(found, prereleases=True)
    return "" if fits else f"{wanted.name} {found}, expected {wanted.specifier}"


def disk(storage: str, scarce: int = SCARCE, too_little: int = TOO_LITTLE) -> Check:
    """Whether there is room for what runs write."""
    place = _existing(Path.cwd() if "://" in storage else Path(storage).absolute())
    free = shutil.disk_usage(place).free
    told = f"{free / 2**30:.1f} GiB free at {place}"
    mend = "retrain gc --yes removes what nothing needs; checkpoints.keep says how many stay"
    if free < too_little:
        return problem("disk", told, mend)
    return warning("disk", told, mend) if free < scarce else ok("disk", told)


def reachable(storage: str) -> Check:
    """Whether something can be written, read and removed in a storage, from here."""
    name = f"storage {storage}"
    if "://" not in storage and not Path(storage).exists():
        return _to_be_made(name, Path(storage).absolute())
    probe = f"doctor/{uuid4().hex}.json"
    try:
        store = ArtifactStore(storage)
        store.create(probe, {"probe": probe})
        read = store.document(probe)["probe"]
        store.remove(probe)
    except (RetrainError, OSError) as error:
        return problem(
            name,
            f"cannot be used from here: {without_secrets(str(error))}",
            "give the worker access: credentials in its environment or in the Secret block "
            "retrain-environment; a folder must be one that every worker sees",
        )
    if read != probe:
        return problem(name, "returns other bytes than were written", "do not use this store")
    with suppress(OSError):
        if "://" not in storage:
            Path(storage, "doctor").rmdir()
    return ok(name, "written, read, removed")


def _to_be_made(name: str, folder: Path) -> Check:
    parent = _existing(folder)
    if parent.is_dir() and os.access(parent, os.W_OK):
        return ok(name, f"is not there yet; the first run makes it in {parent}")
    return problem(name, f"{parent} is no folder that can be written", "choose another: --storage")


def _existing(place: Path) -> Path:
    return next(one for one in (place, *place.parents) if one.exists())
