"""The commands that look after a storage: `retrain verify`, `retrain repair`, `retrain gc`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from flows.cli.summary import prefix_of
from training.artifacts import ArtifactStore
from training.errors import IntegrityError, NotFoundError
from training.upkeep import Choice, collect, inspect, removable, repair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.upkeep import Inspection
    from training.upkeep.finding import Finding

_SHOWN = 20
"""Lines of what is left over; `--json` has all."""


def print_verification(what: str | None, storage: str, *, as_json: bool) -> None:
    """Check every byte and every reference.

    Raises:
        NotFoundError: there is no such storage, run or version.
        IntegrityError: something is damaged or missing; each is named.
    """
    store = _opened(storage)
    found = inspect(store, prefix_of(store, what))
    if as_json:
        typer.echo(json.dumps(_plain(found)))
    else:
        typer.echo(f"{found.files} files, {found.bytes:,} bytes checked in {storage}")
        _print_left_over(found.left_over)
    _require_whole(found, storage)


def print_repair(what: str | None, storage: str, *, as_json: bool) -> None:
    """Mend what can be mended, and say what was done.

    Raises:
        NotFoundError: there is no such storage, run or version.
        IntegrityError: something is still damaged or missing.
    """
    store = _opened(storage)
    prefix = prefix_of(store, what)
    actions = []
    for action in repair(store, prefix):
        actions.append(asdict(action))
        if not as_json:
            typer.echo(f"{action.path}: {action.what}")
    found = inspect(store, prefix)
    if as_json:
        typer.echo(json.dumps({"actions": actions, **_plain(found)}))
    elif not actions:
        typer.echo(f"nothing to repair in {storage}")
    _require_whole(found, storage)


def print_collection(storage: str, choice: Choice, *, delete: bool, as_json: bool) -> None:
    """Say what is no longer needed; delete it if that is asked for.

    Raises:
        NotFoundError: there is no such storage.
    """
    store = _opened(storage)
    removals = []
    for removal in (collect if delete else removable)(store, choice):
        removals.append(asdict(removal))
        if not as_json:
            size = f"{removal.bytes:,} bytes"
            typer.echo(f"{'deleted ' if delete else ''}{removal.path} ({size}): {removal.why}")
    total = sum(removal["bytes"] for removal in removals)
    if as_json:
        typer.echo(json.dumps({"deleted": delete, "bytes": total, "removals": removals}))
        return
    done = "deleted" if delete else "not needed any more"
    typer.echo(f"{len(removals)} item(s), {total:,} bytes {done} in {storage}")
    if removals and not delete:
        typer.echo("nothing was deleted: `retrain gc --yes` does it")


def choice(quarantine: bool, days: float | None, keep: int) -> Choice:  # noqa: FBT001 - as the options are
    """What the options of `retrain gc` say."""
    return Choice(quarantine, None if days is None else days * 86400, keep)


def _opened(storage: str) -> ArtifactStore:
    """A storage that has something in it: a check that looked at nothing must not say all is well.

    Raises:
        NotFoundError: there is nothing.
    """
    store = ArtifactStore(storage)
    if not store.children():
        raise NotFoundError(
            f"there is no storage at {storage}; expected a folder or URL that a run was stored in "
            "(--storage, RETRAIN_STORAGE)"
        )
    return store


def _plain(found: Inspection) -> dict[str, Any]:
    return {
        "files": found.files,
        "bytes": found.bytes,
        "problems": [
            {"path": finding.path, "problem": finding.what}
            for finding in (*found.damaged, *found.missing)
        ],
        "left_over": [{"path": finding.path, "why": finding.what} for finding in found.left_over],
    }


def _print_left_over(left_over: Sequence[Finding]) -> None:
    for finding in left_over[:_SHOWN]:
        typer.echo(f"left over: {finding.path}: {finding.what}")
    if len(left_over) > _SHOWN:
        typer.echo(f"left over: {len(left_over) - _SHOWN} more")


def _require_whole(found: Inspection, storage: str) -> None:
    for finding in (*found.damaged, *found.missing):
        typer.echo(f"{finding.path}: {finding.what}", err=True)
    count = len(found.damaged) + len(found.missing)
    if count:
        raise IntegrityError(
            f"{count} problem(s) in {storage}; a run goes back to its newest whole checkpoint by "
            "itself, `retrain repair` moves what is damaged aside, and a model that is damaged or "
            "missing is registered again by starting its run again"
        )
