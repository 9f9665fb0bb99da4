"""A number is given last, by one document, and once: whoever asks, and however often."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore, fs
from training.errors import IntegrityError, NotFoundError
from training.registry import ModelRegistry
from training.registry.paths import files_path, version_path
from training.upkeep import inspect

if TYPE_CHECKING:
    from pathlib import Path

    from training.registry import CommittedFiles

PROCESSES = 6


def _registry(folder: Path) -> ModelRegistry:
    return ModelRegistry(ArtifactStore(folder))


def _model(run: str) -> tuple[Any, ...]:
    weights = {"w": np.full(3, float(sum(map(ord, run))))}
    return "m", weights, {"scaler": "none"}, {"run_id": run, "metrics": {"loss": 1.0}}


def _save(registry: ModelRegistry, run: str) -> int:
    return registry.save_model(*_model(run)).version


def _committed(registry: ModelRegistry, run: str) -> CommittedFiles:
    return registry.commit_files(*_model(run))


def test_files_are_no_version_before_they_are_claimed(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    files = _committed(registry, "a")
    assert (registry.names(), registry.numbers("m"), registry.list("m")) == ([], [], [])
    version = registry.claim(files)
    assert version == registry.get("m:1")
    assert registry.claim(files) == version
    assert registry.numbers("m") == [1]


def test_a_claim_syncs_one_file_and_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else: it is one document."""
    synced: list[int] = []
    registry = _registry(tmp_path)
    _save(registry, "a")
    files = _committed(registry, "b")
    monkeypatch.setattr(fs, "sync", synced.append)
    assert registry.claim(files).version == 2
    assert len(synced) == 2


def test_the_same_files_that_are_committed_twice_get_one_number(tmp_path: Path) -> None:
    """Each of two registries believes to be the first; others register in between."""
    one, other = _registry(tmp_path), _registry(tmp_path)
    _save(one, "before")
    mine, same = _committed(one, "a"), _committed(other, "a")
    assert (mine.seen, same.seen) == (1, None)
    between = _registry(tmp_path)
    _save(between, "between")
    assert (one.claim(mine).version, other.claim(same).version) == (3, 3)
    assert (other.claim(mine).version, one.claim(same).version) == (3, 3)
    assert one.numbers("m") == [1, 2, 3]


def test_whoever_comes_second_at_a_number_looks_whose_it_is(tmp_path: Path) -> None:
    """The one who committed claims last: the other has found the files and claimed them."""
    first, second = _registry(tmp_path), _registry(tmp_path)
    files = _committed(first, "a")
    assert _save(second, "a") == 1
    assert first.claim(files).version == 1
    assert first.numbers("m") == [1]


SAVER = """
import sys
import numpy as np
from training.artifacts import ArtifactStore
from training.registry import ModelRegistry
registry, me = ModelRegistry(ArtifactStore(sys.argv[1])), sys.argv[2]
sys.stdin.read()
for turn in range(12):
    for run in (f"same.{turn}", f"{me}.{turn}"):
        card = {"run_id": run, "metrics": {}}
        print(run, registry.save_model("m", {"w": np.arange(3.0)}, {}, card).version)
"""


def test_processes_that_register_the_same_at_once_get_one_number_for_it(tmp_path: Path) -> None:
    """Beside models of their own, which get one each."""
    command = [sys.executable, "-c", SAVER, str(tmp_path)]
    savers = [
        subprocess.Popen(
            [*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(PROCESSES)
    ]
    for saver in savers:
        assert saver.stdin is not None
        saver.stdin.close()
        saver.stdin = None
    told = [
        line.split() for saver in savers for line in saver.communicate(timeout=120)[0].splitlines()
    ]
    assert [saver.returncode for saver in savers] == [0] * PROCESSES
    numbers: dict[str, set[str]] = {}
    for run, number in told:
        numbers.setdefault(run, set()).add(number)
    assert len(numbers) == 12 * (PROCESSES + 1)
    assert all(len(given) == 1 for given in numbers.values())
    registry = _registry(tmp_path)
    assert registry.numbers("m") == list(range(1, len(numbers) + 1))
    assert {one.run_id: str(one.version) for one in registry.list("m")} == {
        run: number for run, (number,) in numbers.items()
    }


def test_files_that_were_lost_get_their_number_again(tmp_path: Path) -> None:
    """Damage took them; the claim is there, and its run registers it again."""
    registry = _registry(tmp_path)
    assert [_save(registry, run) for run in "abc"] == [1, 2, 3]
    registry.store.quarantine(registry.get("m:2").uri)
    with pytest.raises(NotFoundError, match="version 2 has lost its files"):
        registry.get("m:2")
    again = _registry(tmp_path)
    assert _save(again, "b") == 2
    assert again.get("m:2").run_id == "b"
    assert _save(again, "d") == 4


def test_another_model_in_the_place_of_a_version_is_an_error(tmp_path: Path) -> None:
    """Neither loaded as that version, nor taken for one's own."""
    registry = _registry(tmp_path)
    for run in "ab":
        _save(registry, run)
    path, other = registry.get("m:1").uri, registry.store.open(registry.get("m:2").uri)
    files = {name: bytes(registry.store.read(other.path, name)) for name in other.files}
    registry.store.remove(path)
    registry.store.commit(path, files, other.metadata)
    with pytest.raises(IntegrityError, match="holds another model than the one that became m:1"):
        registry.get("m:1")
    with pytest.raises(IntegrityError, match="holds another model than the one of run a"):
        _save(registry, "a")


def test_what_is_deleted_while_it_is_committed_again_is_not_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion that goes on later would take the new files with it."""
    registry, deleting = _registry(tmp_path), _registry(tmp_path)
    _save(registry, "a")
    commit = ArtifactStore.commit

    def deleted_first(self: ArtifactStore, *arguments: Any) -> Any:  # noqa: ANN401 - as `commit`
        monkeypatch.setattr(ArtifactStore, "commit", commit)
        deleting.delete("m", 1)
        return commit(self, *arguments)

    monkeypatch.setattr(ArtifactStore, "commit", deleted_first)
    old = registry.get("m:1").uri
    assert _save(registry, "a") == 2
    assert registry.get("m:2").uri != old
    registry.store.remove(old)  # by a deletion that was late
    assert registry.get("m:2").run_id == "a"
    assert registry.numbers("m") == [2]


@pytest.mark.parametrize("calls", range(4))
def test_after_a_deletion_that_died_anywhere_its_run_can_register_again(
    tmp_path: Path, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another number, with files of its own; the number of old is never given again."""
    registry = _registry(tmp_path)
    assert [_save(registry, run) for run in "ab"] == [1, 2]
    left = iter(range(calls))

    def dying(real: Any) -> Any:  # noqa: ANN401 - a method
        def call(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as that
            if next(left, None) is None:
                raise KeyboardInterrupt
            return real(*arguments, **more)

        return call

    with monkeypatch.context() as patch:
        for name in ("create", "remove"):
            patch.setattr(ArtifactStore, name, dying(getattr(ArtifactStore, name)))
        if calls < 3:
            with pytest.raises(KeyboardInterrupt):
                registry.delete("m", 2)
        else:
            registry.delete("m", 2)
    again = _registry(tmp_path)
    assert _save(again, "b") == (3 if calls else 2)
    assert again.numbers("m") == ([1, 3] if calls else [1, 2])
    found = inspect(again.store)
    assert (found.damaged, found.missing) == ([], [])


def test_the_number_of_a_claim_that_was_moved_aside_is_passed_over(tmp_path: Path) -> None:
    """By a process, too, that saw less of the storage before."""
    registry, other = _registry(tmp_path), _registry(tmp_path)
    _save(registry, "a")
    _save(other, "b")
    other.store.create("models/m/deleted/00000002.json", {"why": "its claim was damaged"})
    other.store.quarantine(version_path("m", 2))
    assert _save(registry, "c") == 3
    assert not registry.store.exists(version_path("m", 2))


def test_a_claim_that_names_files_elsewhere_is_none(tmp_path: Path) -> None:
    registry = _registry(tmp_path)
    _save(registry, "a")
    body = registry.store.document(version_path("m", 1))
    for place in ("../x", "a/b", "", 7, None):
        registry.store.replace(version_path("m", 1), body | {"files": place})
        with pytest.raises(IntegrityError, match="claims no version"):
            registry.get("m:1")
    assert registry.list("m") == []
    assert files_path("m", body["files"]) == _committed(registry, "a").commit.path
