"""What the registry refers to: claims, versions, aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.artifacts.versions import KINDS, Versions
from training.registry import ModelRegistry
from training.registry.paths import deleted_path, note_path
from training.run import RunRecord
from training.upkeep.finding import Finding, followed, gaps, stretch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts import ArtifactStore


def check_models(store: ArtifactStore, prefix: str) -> Iterator[Finding]:
    """What is missing of the models at or below a path, and what is left over of them."""
    registry = ModelRegistry(store)
    for name in store.children("models"):
        folder = f"models/{name}"
        if not f"{folder}/".startswith(prefix) and not prefix.startswith(f"{folder}/"):
            continue
        yield from _claims(store, name, set(registry.numbers(name)))
        yield from _makers(registry, name)
        for alias in store.children(f"{folder}/aliases"):
            yield from _alias(registry, name, alias)


def interrupted_deletions(store: ArtifactStore) -> Iterator[Finding]:
    """Numbered artifacts whose deletion was begun: they are in no list any more."""
    for kind in KINDS:
        for name in store.children(f"artifacts/{kind}"):
            for path in Versions(store, kind, name).half_deleted():
                what = "its deletion was interrupted; `retrain gc` completes it"
                yield Finding(path, what, is_harmless=True)


def _claims(store: ArtifactStore, name: str, versions: set[int]) -> Iterator[Finding]:
    folder = f"models/{name}"
    claims = {int(claim[:8]) for claim in store.numbered(f"{folder}/claims")}
    for number in sorted(versions - claims):
        what = f"missing: the claim of version {number}, which is there"
        yield Finding(f"{folder}/claims/{number:08d}.json", what)
    broken: list[Finding] = []
    for number in sorted(claims):
        path = f"{folder}/claims/{number:08d}.json"
        with followed(path, broken):
            if store.exists(deleted_path(name, number)):
                continue
            owner = store.document(path)
            note = note_path(name, owner)
            if number not in versions:
                run = owner["run_id"]
                what = f"run {run} died before it registered version {number}; start it again"
                yield Finding(path, what, is_harmless=True)
            elif not store.exists(note):
                what = f"missing: the note of version {number}; its run would register it again"
                yield Finding(note, what)
    yield from broken


def _makers(registry: ModelRegistry, name: str) -> Iterator[Finding]:
    """Runs that are gone altogether; a version is whole without the run that made it."""
    known: dict[str, bool] = {}
    for version in registry.list(name):
        run = version.run_id
        if not known.setdefault(run, RunRecord(registry.store, run).is_known):
            what = f"run {run}, which made it, is not there any more; the model does not need it"
            yield Finding(version.uri, what, is_harmless=True)


def _alias(registry: ModelRegistry, name: str, alias: str) -> Iterator[Finding]:
    folder = f"models/{name}/aliases/{alias}"
    numbers = {int(entry[:8]) for entry in registry.store.numbered(folder)}
    for first, last in gaps(numbers, max(numbers, default=0)):
        what = f"missing: move {stretch(first, last)} of the alias {alias!r}"
        yield Finding(f"{folder}/{first:08d}.json", what)
    broken: list[Finding] = []
    with followed(f"{folder}/", broken):
        version = registry.alias(name, alias)
        if version is not None and version not in registry.numbers(name):
            path = f"models/{name}/versions/{version:08d}"
            yield Finding(path, f"missing: the alias {alias!r} points to it; point it elsewhere")
    yield from broken
