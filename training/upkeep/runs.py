"""What runs refer to: their history, their checkpoint, their model, their parent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.checkpoints import CheckpointManager
from training.errors import NotFoundError
from training.registry import ModelReference, open_registry
from training.registry.paths import files_path, place_of, version_path
from training.run import RunRecord, is_at_work, run_ids
from training.upkeep.finding import Finding, followed, gaps, stretch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts import ArtifactStore


def check_runs(store: ArtifactStore, prefix: str) -> Iterator[Finding]:
    """What is missing of the runs at or below a path.

    What cannot be followed because a document is damaged is told with a slash at its end.
    """
    for name in store.children("runs"):
        record = RunRecord(store, name)
        if not f"{record.folder}/".startswith(prefix) and not prefix.startswith(record.folder):
            continue
        begun = bool(store.children(record.folder))  # looked at first: the record is made first
        if not record.is_known:
            if not begun:
                continue  # it begins just now
            what = "missing: without it nobody knows what this run is; start the run again"
            yield Finding(f"{record.folder}/run.json", what)
            continue
        broken: list[Finding] = []
        for check in (_parent, _attempts, _outcome, _history):
            with followed(f"{record.folder}/", broken):
                yield from check(record)
        yield from broken


def check_results(store: ArtifactStore) -> Iterator[Finding]:
    """Task results of runs that are not there."""
    for name in sorted(set(store.children("results")) - set(run_ids(store))):
        what = "task results of a run that is not there; `retrain gc` deletes them"
        yield Finding(f"results/{name}", what, is_harmless=True)


def _parent(record: RunRecord) -> Iterator[Finding]:
    parent = record.about().get("parent")
    if parent is not None and not RunRecord(record.store, parent).is_known:
        what = f"missing: run {record.run_id} trains on from it"
        yield Finding(f"runs/{parent}/run.json", what)


def _attempts(record: RunRecord) -> Iterator[Finding]:
    traces = [
        {int(name[:8]) for name in record.store.numbered(f"{record.folder}/{part}")}
        for part in ("attempts", "endings", "heartbeats", "heard")
    ]
    for first, last in gaps(traces[0], max(set().union(*traces), default=0)):
        path = f"{record.folder}/attempts/{first:08d}.json"
        yield Finding(path, f"missing: the note of attempt {stretch(first, last)}")
    yield from _ending(record)


def _ending(record: RunRecord) -> Iterator[Finding]:
    last = record.last_attempt()
    if last is None or last["ended"] is None or last["ended"]["status"] != "completed":
        return
    if record.outcome is None and not is_at_work(record):
        what = "missing: its last attempt completed the run; start the run again"
        yield Finding(f"{record.folder}/outcome.json", what)


def _outcome(record: RunRecord) -> Iterator[Finding]:
    outcome = record.outcome
    if outcome is None:
        return
    result = outcome["result"]
    model = ModelReference(result["model"]["name"], result["model"]["version"])
    again = "start the run again: it registers it from its last checkpoint"
    try:
        version = open_registry(record.store).get(model)
    except NotFoundError:
        path = version_path(model.name, result["model"]["version"])
        if record.store.exists(path):  # then it is its files that are not there
            digest = result["model"]["digest"]
            path = files_path(model.name, place_of(record.run_id, "final", digest))
        yield Finding(path, f"missing: run {record.run_id} registered it; {again}")
    else:
        if version.digest != result["model"]["digest"]:
            what = f"missing: the weights that run {record.run_id} registered here; {again}"
            yield Finding(version.uri, what)
    path = f"{record.folder}/checkpoints/{result['checkpoint']['uri'].rpartition('/')[2]}"
    if not record.store.exists(path):
        yield Finding(path, f"missing: run {record.run_id} ended with it")


def _history(record: RunRecord) -> Iterator[Finding]:
    found = CheckpointManager(record.store, f"{record.folder}/checkpoints").newest()
    if found is None:
        return
    ref, tree = found
    folder, blocks = f"{record.folder}/history", int(tree.get("history", {}).get("blocks", 0))
    there = {int(name[:8]) + 1 for name in record.store.numbered(folder)}
    for first, _ in gaps(there, blocks):
        path = f"{folder}/{first - 1:08d}.json"
        yield Finding(path, f"missing: part of the history that {ref.uri} counts on")
