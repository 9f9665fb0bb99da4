"""What is no longer needed: told first, and never what somebody needs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.artifacts.stage import machine_id
from training.checkpoints import CheckpointManager
from training.registry import ModelRegistry
from training.state import CheckpointRef
from training.types import Segmented
from training.upkeep import Choice, collect, inspect, removable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.training.upkeep.conftest import Filled
    from training.upkeep.finding import Finding


def strict(filled: Filled, run: int = 0) -> None:
    """Let a run's rules keep its newest checkpoint alone."""
    path = f"runs/{filled.runs[run]}/run.json"
    body = filled.store.document(path)
    body["config"]["checkpoints"]["keep"] = [{"type": "latest", "n": 1}]
    filled.store.replace(path, body)


def test_nothing_is_deleted_before_it_is_asked_for(filled: Filled) -> None:
    """A look tells what would go and why, and changes nothing."""
    strict(filled)
    before = sorted(filled.root.rglob("*"))
    told = list(removable(filled.store))
    assert [removal.path for removal in told] == filled.checkpoints()[:-1][::-1]
    assert all(removal.bytes and "checkpoints.keep" in removal.why for removal in told)
    assert sorted(filled.root.rglob("*")) == before


def test_what_no_rule_names_goes_and_all_else_stays(
    filled: Filled, train: Callable[..., Any]
) -> None:
    """Versions, aliases, the newest checkpoint, the other run: whole, and still in use."""
    strict(filled)
    kept, other = filled.checkpoints()[-1], filled.checkpoints(1)
    versions = [ModelRegistry(filled.store).get(f"{filled.name}:{n}") for n in (1, 2)]
    assert len(list(collect(filled.store))) == 3
    assert filled.checkpoints() == [kept]
    assert filled.checkpoints(1) == other
    found = inspect(filled.store)
    assert (found.damaged, found.missing, found.left_over) == ([], [], [])
    assert [ModelRegistry(filled.store).get(f"{filled.name}:{n}") for n in (1, 2)] == versions
    assert list(removable(filled.store)) == []
    assert train(seed=1, checkpoints={"keep": []}).status == "already-complete"


def _room(store: ArtifactStore) -> int:
    """Bytes of all files, each once; of a storage on objects, of all keys."""
    if store.is_local:
        found = [path.stat() for path in Path(store.url).rglob("*") if path.is_file()]
        return sum({status.st_ino: status.st_size for status in found}.values())
    files = store._backend._fs.find(store.url.partition("://")[2], detail=True)  # type: ignore[attr-defined] # that of objects
    return sum(info["size"] for info in files.values())


@pytest.mark.parametrize("url", ["disk", "memory://gc-counts"])
def test_what_it_says_is_what_it_frees(url: str, filled: Filled) -> None:
    """Of a piece that several checkpoints share: nothing while one stays, else all, once."""
    store = filled.store if url == "disk" else ArtifactStore(url)
    about = filled.store.document(f"runs/{filled.runs[0]}/run.json")
    about["config"]["checkpoints"]["keep"] = [{"type": "latest", "n": 1}]
    store.replace(f"runs/{filled.runs[0]}/run.json", about)
    manager = CheckpointManager(store, f"runs/{filled.runs[0]}/checkpoints")
    buffer = np.arange(4000.0)
    for epoch in range(10, 15):
        buffer[1000 * (epoch % 3)] = epoch  # the last quarter is in all, the others in some
        tree: Any = {"buffer": Segmented(buffer, 1000)}
        manager.save(CheckpointRef("", epoch, 0, epoch, "d", {}), tree, {})
    store.create("results/nobody/epoch-1.json", {})
    before, told = _room(store), list(removable(store))
    assert len(told) == (9 if url == "disk" else 5)
    assert [removal.bytes for removal in told][:5].count(0) == 0
    assert sum(removal.bytes for removal in collect(store)) == sum(one.bytes for one in told)
    assert before - _room(store) == sum(removal.bytes for removal in told)


def test_a_run_at_work_is_left_alone(filled: Filled) -> None:
    """Its lock tells."""
    for run in (0, 1):
        strict(filled, run)
    with filled.store.lock(f"runs/{filled.runs[0]}/lock"):
        assert {removal.run for removal in removable(filled.store)} == {filled.runs[1]}
        list(collect(filled.store))
        assert len(filled.checkpoints(0)) == 4
        assert len(filled.checkpoints(1)) == 1


def test_a_run_that_comes_to_work_meanwhile_is_left_alone(filled: Filled) -> None:
    """It is looked at again before each deletion."""
    strict(filled)
    removals = collect(filled.store)
    next(removals)
    with filled.store.lock(f"runs/{filled.runs[0]}/lock"):
        list(removals)
        assert len(filled.checkpoints()) == 3


def test_nothing_goes_while_what_stays_is_damaged(filled: Filled) -> None:
    """The newest whole checkpoint may be one that no rule names."""
    strict(filled)
    filled.flip(f"{filled.checkpoints()[-1]}/state.safetensors")
    assert list(collect(filled.store)) == []
    assert len(filled.checkpoints()) == 4


@pytest.mark.parametrize("rules", [[{"type": "invented"}], "all"])
def test_rules_that_nobody_understands_keep_everything(rules: object, filled: Filled) -> None:
    """They may be those of a later version of this project."""
    path = f"runs/{filled.runs[0]}/run.json"
    body = filled.store.document(path)
    body["config"]["checkpoints"]["keep"] = rules
    filled.store.replace(path, body)
    assert list(collect(filled.store)) == []
    assert len(filled.checkpoints()) == 4


def test_what_is_left_over_goes(filled: Filled) -> None:
    """What was moved aside only when that is asked for."""
    store = filled.store
    (filled.root / ".stage" / f"{machine_id()}-1-dead").mkdir()
    store.create("results/nobody/epoch-1.json", {})
    ref = store.put("reports", "r", {"f": b"x"})
    store.create("artifacts/reports/r/deleted/00000001.json", {})
    store.create("runs/note.json", {})
    store.quarantine("runs/note.json")
    told = {removal.path for removal in collect(store)}
    assert told == {f".stage/{machine_id()}-1-dead", "results/nobody", ref.path}
    assert [finding.path for finding in inspect(store).left_over] == [
        ".quarantine/runs/note.json.1"
    ]
    assert len(list(collect(store, Choice(quarantine=True)))) == 1
    assert inspect(store).left_over == []
    assert store.put("reports", "r", {}).version == 2


def test_old_artifacts_go_when_that_is_asked_for(filled: Filled) -> None:
    """The newest stays, and what a document names by its path."""
    store = filled.store
    refs = [store.put("reports", "r", {"f": b"x" * 10}) for _ in range(4)]
    store.create("runs/note.json", {"report": refs[1].path})
    assert list(removable(store)) == []
    assert list(removable(store, Choice(artifacts_older_than=3600))) == []
    manifests = [(filled.root / ref.path / "manifest.json").stat().st_size for ref in refs]
    told = list(collect(store, Choice(artifacts_older_than=0)))
    assert [(removal.path, removal.bytes) for removal in told] == [
        (refs[0].path, 10 + manifests[0]),
        (refs[2].path, 10 + manifests[2]),
    ]
    assert store.versions("reports", "r") == [2, 4]
    assert store.put("reports", "r", {}).version == 5


def test_a_training_is_not_disturbed(train: Callable[..., Any], tmp_path: Path) -> None:
    """Inspected and collected from all the time, it ends with the same weights, and is whole."""
    settings = {"epochs": 4, "checkpoints": {"every_n_batches": 2, "keep": [{"type": "latest"}]}}
    undisturbed = train(storage=tmp_path / "undisturbed", **settings)
    store = ArtifactStore(tmp_path / "storage")
    told: list[Finding] = []
    ended = threading.Event()

    def look_after() -> None:
        while not ended.is_set():
            list(collect(store, Choice(quarantine=True, artifacts_older_than=0)))
            found = inspect(store)
            told.extend([*found.damaged, *found.missing])

    with ThreadPoolExecutor(1) as aside:
        looking = aside.submit(look_after)
        disturbed = train(**settings)
        ended.set()
        looking.result()
    assert told == []
    assert disturbed.model["digest"] == undisturbed.model["digest"]
    assert inspect(store).missing == []
