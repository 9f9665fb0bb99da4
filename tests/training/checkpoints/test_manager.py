"""Checkpoints of a run: committed, verified, found again and thinned out."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.checkpoints import CheckpointManager
from training.checkpoints.manager import STATE_FILE
from training.config import KeepBest, KeepLatest
from training.errors import IntegrityError, NotFoundError
from training.state import CheckpointRef

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore

FOLDER = "runs/r/checkpoints"


def _reference(epoch: int, batch: int = 0, **metrics: float) -> CheckpointRef:
    return CheckpointRef("", epoch, batch, 10 * epoch + batch, f"weights-{epoch}-{batch}", metrics)


def _tree(epoch: int) -> dict[str, Any]:
    weights = np.arange(6.0).reshape(2, 3) + epoch
    return {"model": {"weights": {"w": weights}}, "training": {"epoch": epoch, "stop": None}}


def _save(manager: CheckpointManager, *epochs: int) -> list[CheckpointRef]:
    return [manager.save(_reference(at), _tree(at), {"run_id": "r"}) for at in epochs]


def _damage(store: ArtifactStore, ref: CheckpointRef) -> None:
    """One bit of the state, in the place where it lies."""
    place = Path(store.url) / ref.uri / STATE_FILE
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.chmod(0o644)
    place.write_bytes(content)


def _warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.fixture
def manager(store: ArtifactStore) -> CheckpointManager:
    return CheckpointManager(store, FOLDER)


def test_what_was_saved_comes_back_to_the_last_bit(
    store: ArtifactStore, manager: CheckpointManager
) -> None:
    ref = manager.save(_reference(3, 7, loss=0.5), _tree(3), {"run_id": "r"})
    assert ref == replace(_reference(3, 7, loss=0.5), uri=ref.uri)
    found = CheckpointManager(store, FOLDER).newest()
    assert found is not None
    again, tree = found
    assert again == ref
    assert tree["training"] == {"epoch": 3, "stop": None}
    np.testing.assert_array_equal(tree["model"]["weights"]["w"], _tree(3)["model"]["weights"]["w"])
    assert manager.metadata(ref)["run_id"] == "r"


def test_before_any_there_is_none(manager: CheckpointManager) -> None:
    assert manager.newest() is None
    assert manager.refs() == []
    assert manager.prune() == []


def test_they_are_ordered_by_epoch_and_batch_not_by_time(manager: CheckpointManager) -> None:
    for epoch, batch in ((2, 0), (10, 0), (9, 12), (9, 2), (0, 0)):
        manager.save(_reference(epoch, batch), _tree(epoch), {})
    at = [(ref.epoch, ref.batch) for ref in manager.refs()]
    assert at == [(10, 0), (9, 12), (9, 2), (2, 0), (0, 0)]


def test_the_same_state_saved_again_is_the_same_checkpoint(
    store: ArtifactStore, manager: CheckpointManager
) -> None:
    """An attempt died right after its commit; the next one gets as far again."""
    (first,) = _save(manager, 1)
    written = (Path(store.url) / first.uri / STATE_FILE).stat().st_mtime_ns
    assert _save(manager, 1) == [first]
    assert (Path(store.url) / first.uri / STATE_FILE).stat().st_mtime_ns == written


def test_a_damaged_one_in_its_place_is_moved_aside(
    store: ArtifactStore, manager: CheckpointManager, caplog: pytest.LogCaptureFixture
) -> None:
    (first,) = _save(manager, 1)
    _damage(store, first)
    with pytest.raises(IntegrityError):
        manager.load(first)
    assert _save(manager, 1) == [first]
    assert manager.load(first)["training"]["epoch"] == 1
    assert "is damaged or of other weights; moved aside" in _warned(caplog)[0]


def test_one_of_other_weights_in_its_place_is_moved_aside(manager: CheckpointManager) -> None:
    _save(manager, 1)
    other = replace(_reference(1), digest="other weights")
    assert manager.save(other, _tree(42), {}).digest == "other weights"
    assert manager.refs()[0].digest == "other weights"


def test_the_newest_that_verifies_is_found_behind_damaged_ones(
    store: ArtifactStore, manager: CheckpointManager, caplog: pytest.LogCaptureFixture
) -> None:
    refs = _save(manager, 1, 2, 3, 4)
    _damage(store, refs[3])
    (Path(store.url) / refs[2].uri / STATE_FILE).unlink()
    found = manager.newest()
    assert found is not None
    assert found[0] == refs[1]
    assert found[1]["training"]["epoch"] == 2
    assert len(_warned(caplog)) == 2
    assert [ref.epoch for ref in manager.refs()] == [4, 3, 2, 1]


def test_where_none_verifies_there_is_none(
    store: ArtifactStore, manager: CheckpointManager
) -> None:
    for ref in _save(manager, 1, 2):
        _damage(store, ref)
    assert manager.newest() is None


def test_damaged_ones_are_set_aside_when_asked_for(
    store: ArtifactStore, manager: CheckpointManager, caplog: pytest.LogCaptureFixture
) -> None:
    refs = _save(manager, 1, 2)
    _damage(store, refs[1])
    found = manager.newest(set_aside=True)
    assert found is not None
    assert found[0] == refs[0]
    assert manager.refs() == [refs[0]]
    place = _warned(caplog)[0].rpartition("moved to ")[2]
    assert (Path(store.url) / place / STATE_FILE).exists()


def test_a_manifest_that_cannot_be_read_hides_one_checkpoint_alone(
    store: ArtifactStore, manager: CheckpointManager, caplog: pytest.LogCaptureFixture
) -> None:
    refs = _save(manager, 1, 2)
    manifest = next((Path(store.url) / refs[1].uri).glob("*.json"))
    manifest.chmod(0o644)
    manifest.write_text("{}")
    assert manager.refs() == [refs[0]]
    found = manager.newest()
    assert found is not None
    assert found[0] == refs[0]
    assert len(_warned(caplog)) == 2


def test_pruning_leaves_what_a_rule_names(store: ArtifactStore) -> None:
    manager = CheckpointManager(store, FOLDER, [KeepLatest(n=2), KeepBest(n=1)])
    losses = (math.nan, 0.9, 0.1, 0.5, 0.6, 0.7)
    refs = [
        manager.save(_reference(at, val_loss=loss), _tree(at), {}) for at, loss in enumerate(losses)
    ]
    assert sorted(manager.prune()) == [refs[at].uri for at in (0, 1, 3)]
    assert [ref.epoch for ref in manager.refs()] == [5, 4, 2]
    assert manager.prune() == []
    for ref in manager.refs():
        assert manager.load(ref)["training"]["epoch"] == ref.epoch


def test_without_rules_nothing_is_pruned(manager: CheckpointManager) -> None:
    _save(manager, 0, 1, 2)
    assert manager.prune() == []
    assert len(manager.refs()) == 3


def test_pruning_takes_nothing_that_is_not_its_own(store: ArtifactStore) -> None:
    neighbour = CheckpointManager(store, "runs/other/checkpoints", [KeepLatest(n=1)])
    _save(neighbour, 1, 2)
    manager = CheckpointManager(store, FOLDER, [KeepLatest(n=1)])
    _save(manager, 1, 2)
    assert len(manager.prune()) == 1
    assert len(neighbour.refs()) == 2


def test_all_are_gone_for_a_run_that_starts_afresh(
    store: ArtifactStore, manager: CheckpointManager
) -> None:
    refs = _save(manager, 0, 1)
    _damage(store, refs[1])
    manager.clear()
    assert manager.refs() == []
    with pytest.raises(NotFoundError):
        manager.load(refs[0])


def test_a_state_that_was_loaded_is_a_copy(manager: CheckpointManager) -> None:
    (ref,) = _save(manager, 1)
    manager.load(ref)["model"]["weights"]["w"][:] = 99
    np.testing.assert_array_equal(
        manager.load(ref)["model"]["weights"]["w"], _tree(1)["model"]["weights"]["w"]
    )
