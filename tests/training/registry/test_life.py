"""The life of a version: labelled, compared, pointed to, gone back to, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.artifacts import ArtifactStore
from training.errors import ConflictError, InputError, IntegrityError, NotFoundError
from training.registry import ModelRegistry
from training.upkeep import inspect

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """Four versions of `m`, of the runs r1 to r4."""
    registry = ModelRegistry(ArtifactStore(tmp_path))
    for number in (1, 2, 3, 4):
        _save(registry, number)
    return registry


def _save(registry: ModelRegistry, number: int, **more: Any) -> int:  # noqa: ANN401 - a card
    card = {"run_id": f"r{number}", "metrics": {"loss": number / 10}} | more
    return registry.save_model("m", {"w": np.full(2, float(number))}, {}, card).version


def _champions(registry: ModelRegistry, *versions: int | None) -> None:
    before = None
    for version in versions:
        registry.set_alias("m", "champion", version, expect=before, who="a person")
        before = version


def test_rollback_goes_back_one_by_one_like_undo(registry: ModelRegistry) -> None:
    """1, 2, 3: back to 2, then to 1, then to nothing; the history tells all of it."""
    _champions(registry, 1, 2, 3)
    assert registry.rollback("m", why="it lost money", who="me").version == 2
    assert registry.rollback("m").version == 1
    with pytest.raises(NotFoundError, match="points to 1, and there is no version before"):
        registry.rollback("m")
    moves = registry.alias_history("m", "champion")
    assert [move.to for move in moves] == ["1", "2", "3", "2", "1"]
    assert (moves[1].why, moves[1].who) == ("it lost money", "me")
    assert moves[0].why == "rollback from 2"
    assert "@" in moves[0].who


def test_after_a_rollback_a_new_champion_is_undone_to_the_one_before_it(
    registry: ModelRegistry,
) -> None:
    _champions(registry, 1, 2)
    registry.rollback("m")
    registry.set_alias("m", "champion", 3, expect=1)
    assert registry.rollback("m").version == 1


def test_rollback_steps_over_a_version_that_is_deleted(registry: ModelRegistry) -> None:
    _champions(registry, 1, 2, 3)
    registry.delete("m", 2)
    assert registry.rollback("m").version == 1


def test_an_alias_that_points_to_none_is_not_rolled_back(registry: ModelRegistry) -> None:
    _champions(registry, 1, 2, None)
    with pytest.raises(NotFoundError, match="points to none"):
        registry.rollback("m")
    with pytest.raises(NotFoundError, match="points to none"):
        registry.rollback("m", "never-set")


def test_what_an_alias_points_to_is_not_deleted(registry: ModelRegistry) -> None:
    registry.set_alias("m", "shadow", 2, expect=None)
    with pytest.raises(InputError, match="m:2 is m@shadow"):
        registry.delete("m", 2)
    assert registry.get("m:2").run_id == "r2"
    registry.set_alias("m", "shadow", None, expect=2)
    registry.delete("m", 2, why="broken")
    assert registry.numbers("m") == [1, 3, 4]


def test_a_deleted_number_is_never_given_again(registry: ModelRegistry) -> None:
    """Neither to another run nor to the run that made it; the storage is whole afterwards."""
    registry.delete("m", 4)
    with pytest.raises(NotFoundError, match="version 4 was deleted; it has 1 to 3"):
        registry.get("m:4")
    assert _save(registry, 5) == 5
    assert _save(ModelRegistry(registry.store), 4) == 6
    assert registry.get("m:6").run_id == "r4"
    found = inspect(registry.store, "")
    findings = (*found.damaged, *found.missing, *found.left_over)
    assert all(one.is_harmless for one in findings)


def test_an_alias_cannot_be_moved_to_a_version_while_it_is_deleted(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever comes second sees the other: the alias goes back, or the version stays."""
    get = ModelRegistry.get

    def deleted_meanwhile(self: ModelRegistry, reference: Any) -> Any:  # noqa: ANN401 - as `get`
        found = get(self, reference)
        monkeypatch.setattr(ModelRegistry, "get", get)
        self.delete("m", 2)
        return found

    _champions(registry, 1)
    monkeypatch.setattr(ModelRegistry, "get", deleted_meanwhile)
    with pytest.raises(NotFoundError, match="version 2 was deleted"):
        registry.set_alias("m", "champion", 2, expect=1)
    assert registry.alias("m", "champion") == 1


def test_a_version_that_an_alias_was_moved_to_during_its_deletion_stays(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ArtifactStore.create

    def moved_meanwhile(self: ArtifactStore, path: str, body: Any) -> None:  # noqa: ANN401 - as `create`
        monkeypatch.setattr(ArtifactStore, "create", create)
        registry.set_alias("m", "champion", 2, expect=None)
        create(self, path, body)

    monkeypatch.setattr(ArtifactStore, "create", moved_meanwhile)
    with pytest.raises(InputError, match="m:2 is m@champion"):
        registry.delete("m", 2)
    assert registry.get("m@champion").version == 2
    assert registry.get("m:2").run_id == "r2"


def test_a_deletion_that_died_is_completed(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = ArtifactStore.remove

    def dies(self: ArtifactStore, path: str, *, durable: bool = True) -> None:
        monkeypatch.setattr(ArtifactStore, "remove", remove)
        raise KeyboardInterrupt

    monkeypatch.setattr(ArtifactStore, "remove", dies)
    with pytest.raises(KeyboardInterrupt):
        registry.delete("m", 2)
    registry.delete("m", 2)
    assert registry.numbers("m") == [1, 3, 4]


def test_keep_last_keeps_what_aliases_need_now_and_to_go_back(registry: ModelRegistry) -> None:
    _champions(registry, 1, 2)
    for number in (5, 6, 7):
        _save(registry, number)
    assert registry.keep_last("m", 2) == [3, 4, 5]
    assert registry.numbers("m") == [1, 2, 6, 7]
    assert registry.rollback("m").version == 1


def test_labels_are_set_one_by_one_and_versions_found_by_them(registry: ModelRegistry) -> None:
    registry.label("m", 1, {"market": "us", "owner": "ann"}, description="the first", who="ann")
    registry.label("m", 1, {"owner": None, "stage": "live"}, who="bob")
    registry.label("m", 3, {"market": "us"})
    labels = registry.labels("m", 1)
    assert labels.tags == {"market": "us", "stage": "live"}
    assert (labels.description, labels.who) == ("the first", "bob")
    assert [one.version for one in registry.list("m", {"market": "us"})] == [3, 1]
    assert [one.version for one in registry.list("m", {"market": "us", "stage": "live"})] == [1]
    assert registry.labels("m", 2).tags == {}


def test_two_who_set_different_tags_at_once_both_succeed(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ArtifactStore.create

    def another_first(self: ArtifactStore, path: str, body: Any) -> None:  # noqa: ANN401 - as `create`
        monkeypatch.setattr(ArtifactStore, "create", create)
        registry.label("m", 1, {"theirs": "1"})
        create(self, path, body)

    monkeypatch.setattr(ArtifactStore, "create", another_first)
    registry.label("m", 1, {"ours": "1"})
    assert registry.labels("m", 1).tags == {"ours": "1", "theirs": "1"}


def test_a_hostile_tag_is_refused_and_a_damaged_label_is_an_error(registry: ModelRegistry) -> None:
    with pytest.raises(InputError, match="is no name of a tag"):
        registry.label("m", 1, {"a b": "1"})
    with pytest.raises(NotFoundError, match="no version 9"):
        registry.label("m", 9, {"a": "1"})
    registry.store.create("models/m/labels/00000001/00000001.json", {"tags": {"a": 1}})
    with pytest.raises(IntegrityError, match="holds no tags"):
        registry.labels("m", 1)


def test_ancestors_are_followed_as_far_as_they_are_there(registry: ModelRegistry) -> None:
    """By the run that was trained on, or by the version that was started from."""
    assert _save(registry, 5, parent="r2") == 5
    assert _save(registry, 6, started_from="m:5") == 6
    assert [str(one) for one in registry.ancestors(registry.get("m:6"))] == ["m:5", "m:2"]
    registry.delete("m", 2)
    assert [str(one) for one in registry.ancestors(registry.get("m:6"))] == ["m:5"]
    assert registry.parent(registry.get("m:1")) is None


def test_two_versions_side_by_side(registry: ModelRegistry) -> None:
    config = {"training": {"epochs": 3, "seed": 1}}
    _save(registry, 5, config=config, data={"rows": 10, "last": "2015"}, fingerprint="a")
    more = {"training": {"epochs": 20, "seed": 1}, "new": True}
    _save(registry, 6, config=more, data={"rows": 12, "last": "2015"}, fingerprint="b")
    found = registry.compare("m:5", "m:6")
    assert (found.first, found.second) == ("m:5", "m:6")
    assert found.metrics == {"loss": (0.5, 0.6)}
    assert found.config == {"training.epochs": (3, 20), "new": (None, True)}
    assert found.data == {"rows": (10, 12), "fingerprint": ("a", "b")}
    assert found.to_json()["metrics"] == {"loss": [0.5, 0.6]}


def test_of_two_who_expect_the_same_one_is_told(registry: ModelRegistry) -> None:
    _champions(registry, 1)
    registry.set_alias("m", "champion", 2, expect=1)
    with pytest.raises(ConflictError, match="points to 2, not to 1"):
        registry.set_alias("m", "champion", 3, expect=1)
