"""What `retrain models` does and prints."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
import yaml

from flows.cli.table import print_table
from training.artifacts import ArtifactStore
from training.errors import InputError
from training.metrics import format_metrics
from training.registry import ModelReference, ModelRegistry, open_registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.registry import ModelSummary, ModelVersion

NO_ALIAS = "-"


def print_models(storage: str, *, as_json: bool) -> None:
    """One line a model: its newest version, and where its aliases point."""
    registry = _registry(storage)
    newest = [registry.get(name) for name in registry.names()]
    pointing = {version.name: registry.aliases(version.name) for version in newest}
    if as_json:
        found = [
            {**version.to_json(), "metrics": version.metrics, "aliases": pointing[version.name]}
            for version in newest
        ]
        typer.echo(json.dumps(found))
        return
    if not newest:
        typer.echo(f"no models in {storage}")
        return
    rows = [
        (
            version.name,
            str(version.version),
            ", ".join(f"{alias}:{to}" for alias, to in pointing[version.name].items()) or NO_ALIAS,
            version.run_id,
            format_metrics(_held_out(version.metrics)),
        )
        for version in newest
    ]
    print_table(("MODEL", "VERSION", "ALIASES", "RUN", "METRICS"), rows)


def print_versions(name: str | None, tags: Sequence[str], storage: str, *, as_json: bool) -> None:
    """One line a version, the newest first.

    Raises:
        NotFoundError: there is no such model.
    """
    registry = _registry(storage)
    names = registry.names() if name is None else [registry.get(name).name]
    asked = {key: value or "" for key, value in _tags(tags).items()}
    listed = [_plain(registry, one) for model in names for one in registry.list(model, asked)]
    if as_json:
        typer.echo(json.dumps(listed))
        return
    if not listed:
        typer.echo(f"no such versions in {storage}")
        return
    rows = [
        (
            f"{one['name']}:{one['version']}",
            ", ".join(one["aliases"]) or NO_ALIAS,
            one["run_id"],
            format_metrics(_held_out(one["metrics"])),
        )
        for one in listed
    ]
    print_table(("VERSION", "ALIASES", "RUN", "METRICS"), rows)


def print_model(reference: str, storage: str, *, as_json: bool) -> None:
    """One version."""
    registry = _registry(storage)
    version = registry.get(reference)
    name, number = version.name, version.version
    found = {
        **version.to_json(),
        "uri": f"{storage}/{version.uri}",
        "aliases": [alias for alias, to in registry.aliases(name).items() if to == number],
        "labels": registry.labels(name, number).to_json(),
        "ancestors": [str(one) for one in registry.ancestors(version)],
        **version.card,
    }
    _print(found, as_json=as_json)


def print_comparison(first: str, second: str, storage: str, *, as_json: bool) -> None:
    """Two versions side by side."""
    found = _registry(storage).compare(first, second)
    if as_json:
        typer.echo(json.dumps(found.to_json()))
        return
    for title, pairs in (("METRIC", found.metrics), ("CONFIG", found.config), ("DATA", found.data)):
        rows = [(name, _cell(old), _cell(new)) for name, (old, new) in pairs.items()]
        print_table((title, found.first, found.second), rows or [("(the same)", "", "")])
        typer.echo()


def print_history(name: str, storage: str, *, as_json: bool) -> None:
    """What an alias was moved to, the newest first."""
    model, alias = _alias(name)
    moves = _registry(storage).alias_history(model, alias)
    if as_json:
        typer.echo(json.dumps([asdict(move) for move in moves]))
        return
    if not moves:
        typer.echo(f"{model}@{alias} was never set in {storage}")
        return
    rows = [(move.at, move.to or "none", move.who or "-", move.why or "-") for move in moves]
    print_table(("WHEN", "VERSION", "WHO", "WHY"), rows)


def promote(
    reference: str, alias: str, storage: str, *, expect: int | None, why: str, as_json: bool
) -> None:
    """Point an alias to a version; one that awaits approval is approved by that.

    Raises:
        NotFoundError: there is no such version.
        ConflictError: the alias has another version than expected, or was moved meanwhile.
    """
    registry = _registry(storage)
    version = registry.get(reference)
    now = registry.alias(version.name, alias)
    expected = now if expect is None else expect or None
    if _awaits(registry, version, alias) and expected == now:
        from training.registry.promotion import approve

        approve(registry, version, why=why)
    elif now != version.version or expected != now:
        registry.set_alias(version.name, alias, version.version, expect=expected, why=why)
    _print_move(version.name, alias, version.version, now, as_json=as_json)


def _awaits(registry: ModelRegistry, version: ModelVersion, alias: str) -> bool:
    from training.registry.promotion import DecisionLog

    last = DecisionLog(registry, version).last()
    return last is not None and (last.verdict, last.alias) == ("await-approval", alias)


def rollback(name: str, storage: str, *, why: str, as_json: bool) -> None:
    """Point an alias back.

    Raises:
        NotFoundError: there is nothing to go back to.
    """
    model, alias = _alias(name)
    registry = _registry(storage)
    now = registry.alias(model, alias)
    version = registry.rollback(model, alias, why=why)
    _print_move(model, alias, version.version, now, as_json=as_json)


def tag(
    reference: str, tags: Sequence[str], storage: str, *, description: str | None, as_json: bool
) -> None:
    """Set tags and description; both as they are when none is given."""
    registry = _registry(storage)
    version = registry.get(reference)
    name, number, changes = version.name, version.version, _tags(tags)
    if changes or description is not None:
        registry.label(name, number, changes, description=description)
    _print(registry.labels(name, number).to_json(), as_json=as_json)


def delete(reference: str, storage: str, *, why: str, as_json: bool) -> None:
    """Delete a version.

    Raises:
        InputError: an alias points to it, or no single version was named.
    """
    named = ModelReference.parse(reference)
    if named.version is None:
        raise InputError(f"{reference!r} names no single version; expected NAME:VERSION")
    _registry(storage).delete(named.name, named.version, why=why)
    done = {"name": named.name, "version": named.version, "deleted": True}
    typer.echo(json.dumps(done) if as_json else f"{named} is deleted")


def _print_move(name: str, alias: str, version: int, before: int | None, *, as_json: bool) -> None:
    done = {"name": name, "alias": alias, "version": version, "before": before}
    line = f"{name}@{alias} is version {version} (before: {before or 'none'})"
    typer.echo(json.dumps(done) if as_json else line)


def _registry(storage: str) -> ModelRegistry:
    return open_registry(ArtifactStore(storage))


def _alias(text: str) -> tuple[str, str]:
    """A model and an alias of it, `champion` where none is named."""
    reference = ModelReference.parse(text)
    if reference.version is not None:
        raise InputError(f"{text!r} names a version; expected NAME or NAME@ALIAS")
    return reference.name, reference.alias or "champion"


def _tags(given: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"{text!r} is no tag; expected KEY=VALUE, or KEY= to take it away")
        found[name] = value or None
    return found


def _plain(registry: ModelRegistry, one: ModelSummary) -> dict[str, Any]:
    pointing = registry.aliases(one.name)
    aliases = [alias for alias, to in pointing.items() if to == one.version]
    return {
        **one._asdict(),
        "aliases": aliases,
        "tags": registry.labels(one.name, one.version).tags,
    }


def _held_out(metrics: dict[str, float]) -> dict[str, float]:
    kept = {name: value for name, value in metrics.items() if name.startswith("test_")}
    return dict(list((kept or metrics).items())[:4])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "-" if value is None else str(value)


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    text = yaml.safe_dump(found, sort_keys=False, allow_unicode=True).rstrip()
    typer.echo(json.dumps(found) if as_json else text)
