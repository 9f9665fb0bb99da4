"""The commands that look at kept tables: `retrain data list`, `retrain data show`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer
import yaml

from flows.cli.look import print_table
from training.artifacts import ArtifactStore
from training.data.kept import kept_tables
from training.errors import NotFoundError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping


def print_kept(storage: str, *, as_json: bool) -> None:
    """One line a table: what it is named by, where it came from, what stretch it has."""
    found = kept_tables(ArtifactStore(storage))
    if as_json:
        typer.echo(json.dumps([_plain(kept) for kept in found]))
        return
    if not found:
        typer.echo(f"no tables in {storage}")
        return
    print_table(
        ("TABLE", "ROWS", "FIRST", "LAST", "SOURCE", "KEPT BY"), [_row(kept) for kept in found]
    )


def print_one(name: str, storage: str, *, as_json: bool) -> None:
    """Everything that is known of one table.

    Raises:
        NotFoundError: there is none whose name begins so.
    """
    found = {_name(kept): kept for kept in kept_tables(ArtifactStore(storage))}
    chosen = [kept for known, kept in found.items() if known.startswith(name)]
    if len(chosen) != 1:
        what = "several tables begin" if chosen else "no table begins"
        raise NotFoundError(f"{what} with {name!r} in {storage}; {did_you_mean(name, found)}")
    known = _plain(chosen[0])
    typer.echo(
        json.dumps(known)
        if as_json
        else yaml.safe_dump(known, sort_keys=False, allow_unicode=True).rstrip()
    )


def _name(kept: Mapping[str, Any]) -> str:
    return str(kept["path"]).rpartition("/")[2]


def _plain(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Without the digests of its stretches, which say nothing to a person."""
    told = {key: value for key, value in kept["description"].items() if key != "seen"}
    return {**kept, "description": told}


def _row(kept: Mapping[str, Any]) -> tuple[str, ...]:
    told = kept["description"]
    return (
        _name(kept)[:12],
        str(told["rows"]),
        str(told.get("first", "-")),
        str(told.get("last", "-")),
        str(told["source"]),
        str(kept["lineage"].get("run_id", "-")),
    )
