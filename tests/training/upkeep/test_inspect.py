"""Every byte and every reference of a storage: what is damaged, missing, left over."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts.stage import machine_id
from training.registry import ModelRegistry
from training.upkeep import inspect

if TYPE_CHECKING:
    from tests.training.upkeep.conftest import Filled


def test_a_whole_storage_has_nothing_to_tell(filled: Filled) -> None:
    """All files are counted; looking changes nothing."""
    before = sorted(filled.root.rglob("*"))
    found = inspect(filled.store)
    files = [path for path in before if path.is_file() and "/." not in str(path)]
    assert (found.damaged, found.missing, found.left_over) == ([], [], [])
    assert found.files == len(files)
    assert found.bytes == sum(path.stat().st_size for path in files)
    assert sorted(filled.root.rglob("*")) == before


def test_a_part_can_be_looked_at_alone(filled: Filled) -> None:
    """A run or a model; damage elsewhere is not told."""
    one, other = (f"runs/{run}" for run in filled.runs)
    filled.flip(f"{filled.checkpoints(0)[-1]}/state.safetensors")
    (filled.root / one / "run.json").unlink()
    assert len(inspect(filled.store, one).damaged) == 1
    assert len(inspect(filled.store, one).missing) == 1
    for prefix in (other, f"models/{filled.name}", _files(filled)):
        found = inspect(filled.store, prefix)
        assert (found.damaged, found.missing) == ([], [])


def _files(filled: Filled, version: int = 1) -> str:
    return ModelRegistry(filled.store).get(f"{filled.name}:{version}").uri


def _version(filled: Filled) -> str:
    path = _files(filled)
    filled.store.remove(path)
    return path


def _claim(filled: Filled) -> str:
    path = f"models/{filled.name}/versions/00000001.json"
    filled.store.remove(path)
    return path


def _move_of_an_alias(filled: Filled) -> str:
    registry = ModelRegistry(filled.store)
    registry.set_alias(filled.name, "champion", 2, expect=1)
    path = f"models/{filled.name}/aliases/champion/00000001.json"
    filled.store.remove(path)
    return path


def _last_checkpoint(filled: Filled) -> str:
    path = filled.checkpoints()[-1]
    filled.store.remove(path)
    return path


def _run(filled: Filled) -> str:
    path = f"runs/{filled.runs[0]}/run.json"
    filled.store.remove(path)
    return path


def _parent(filled: Filled) -> str:
    record = f"runs/{filled.runs[0]}/run.json"
    body = filled.store.document(record)
    filled.store.replace(record, body | {"parent": "nobody-000000000000"})
    return "runs/nobody-000000000000/run.json"


def _weights(filled: Filled) -> str:
    """Another model's weights stand where the run registered its own."""
    path = _files(filled)
    other = filled.store.open(_files(filled, 2))
    files = {name: bytes(filled.store.read(other.path, name)) for name in other.files}
    filled.store.remove(path)
    filled.store.commit(path, files, other.metadata)
    return path


@pytest.mark.parametrize(
    "spoil", [_version, _claim, _move_of_an_alias, _last_checkpoint, _run, _parent, _weights]
)
def test_what_something_refers_to_is_missed(spoil: object, filled: Filled) -> None:
    """By its path, and with who misses it."""
    path = spoil(filled)  # type: ignore[operator] # one of the functions above
    found = inspect(filled.store)
    assert found.damaged == []
    assert path in [finding.path for finding in found.missing]


def test_an_alias_and_a_run_both_miss_their_version(filled: Filled) -> None:
    """Each is told."""
    _version(filled)
    _claim(filled)
    told = [finding.what for finding in inspect(filled.store).missing]
    assert any("'champion' points to it" in what for what in told)
    assert any(f"run {filled.runs[0]} registered it" in what for what in told)


def test_a_block_of_the_history_is_missed(filled: Filled) -> None:
    """The newest checkpoint counts on it."""
    store, folder = filled.store, f"runs/{filled.runs[0]}"
    newest = filled.checkpoints()[-1]
    tree: Any = store.read_tree(newest, "state.safetensors")
    tree["history"]["blocks"] = 1
    metadata = store.open(newest).metadata
    store.remove(newest)
    from training.artifacts import encode

    store.commit(newest, {"state.safetensors": encode(tree)}, metadata)
    assert [finding.path for finding in inspect(store).missing] == [
        f"{folder}/history/00000000.json"
    ]


def test_what_is_left_over_is_told_and_harmless(filled: Filled) -> None:
    """A dead process's stage, results of no run, files nobody claimed, what was moved aside."""
    store, name = filled.store, filled.name
    stage = filled.root / ".stage" / f"{machine_id()}-1-dead"
    stage.mkdir()
    store.create("results/nobody/epoch-1.json", {})
    card = {"run_id": "nobody", "metrics": {}}
    unclaimed = ModelRegistry(store).commit_files(name, {"w": np.ones(1)}, {}, card)
    weights: Any = {"w": np.zeros(1)}
    half = ModelRegistry(store).save_model(name, weights, {}, {"run_id": "x", "metrics": {}}).uri
    store.create(f"models/{name}/deleted/00000003.json", {})
    place = store.quarantine(filled.checkpoints()[0])
    ref = store.put("reports", "r", {})
    store.create("artifacts/reports/r/deleted/00000001.json", {})
    found = inspect(store)
    assert (found.damaged, found.missing) == ([], [])
    told = {finding.path for finding in found.left_over}
    assert told == {
        f".stage/{stage.name}",
        "results/nobody",
        unclaimed.commit.path,
        half,
        f"{place}/manifest.json",
        f"{place}/state.safetensors",
        ref.path,
    }
    assert stage.is_dir()


def test_a_stage_that_is_written_now_is_not_left_over(filled: Filled) -> None:
    """A living process holds its lock."""
    program = (
        "import sys; from training.artifacts import ArtifactStore\n"
        "with ArtifactStore(sys.argv[1])._backend.stage():\n"
        "    print(flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, filled.store.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        assert os.listdir(filled.root / ".stage")  # noqa: PTH208 - names are enough
        assert inspect(filled.store).left_over == []
        child.kill()
    assert len(inspect(filled.store).left_over) == 1


def test_a_commit_that_is_removed_meanwhile_is_no_problem(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is at work thins out its checkpoints."""
    store, path = filled.store, filled.checkpoints()[0]
    real = store._backend.reader

    def reader(place: str) -> object:
        if place == f"{path}/state.safetensors":
            store.remove(path)
        return real(place)

    monkeypatch.setattr(store._backend, "reader", reader)
    assert inspect(store).damaged == []
    assert not store.exists(path)
