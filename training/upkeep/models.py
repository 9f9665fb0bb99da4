"""What the registry refers to: files, versions, aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.artifacts.versions import KINDS, Versions
from training.registry import ModelReference, ModelRegistry
from training.registry.claims import Claims
from training.registry.paths import files_path, version_path
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
        yield from _versions(registry, name)
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


def _versions(registry: ModelRegistry, name: str) -> Iterator[Finding]:
    """Claims without their files, files without a claim."""
    claims = Claims(registry.store)
    given, deleted = claims.given(name), claims.deleted(name)
    files = set(registry.store.children(files_path(name)))
    for first, last in gaps(given | deleted, max(given, default=0)):
        what = f"missing: the claim of version {stretch(first, last)}, though a later one is there"
        yield Finding(version_path(name, first), what)
    claimed: set[str] = set()
    broken: list[Finding] = []
    for number in sorted(given):
        with followed(version_path(name, number), broken):
            place = claims.read(name, number)["files"]
            claimed.add(place)
            yield from _files(name, number, place, lost=place not in files, gone=number in deleted)
            with followed(files_path(name, place), broken):
                if place in files and number not in deleted:
                    registry.get(ModelReference(name, number))
    yield from broken
    for place in sorted(files - claimed) if claims.given(name) == given and not broken else ():
        what = "no version: its run died before the claim, or the claim is lost; start it again"
        yield Finding(files_path(name, place), what, is_harmless=True)


def _files(name: str, number: int, place: str, *, lost: bool, gone: bool) -> Iterator[Finding]:
    path = files_path(name, place)
    if lost and not gone:
        what = f"missing: the files of {name}:{number}; starting its run again registers them again"
        yield Finding(path, what)
    elif gone and not lost:
        what = f"the deletion of {name}:{number} was interrupted; delete it again"
        yield Finding(path, what, is_harmless=True)


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
            path = version_path(name, version)
            yield Finding(path, f"missing: the alias {alias!r} points to it; point it elsewhere")
    yield from broken
