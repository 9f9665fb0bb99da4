"""What is cut off: each public call that changes a storage, and how to see what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from training.artifacts import ArtifactStore, digest
from training.checkpoints import CheckpointManager
from training.config import KeepLatest
from training.registry import ModelRegistry
from training.registry.paths import files_path, place_of
from training.state import CheckpointRef
from training.types import Segmented

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "runs/r/checkpoints"
RUN_IN_PIECES = "runs/q/checkpoints"
SIZE = 500


class Operation(NamedTuple):
    """One public call.

    Attributes:
        act: does it, on a storage that `fill` filled.
        look: `old` or `new`; an error or a failed assertion on anything between the two.
    """

    act: Callable[[ArtifactStore], object]
    look: Callable[[ArtifactStore], str]


def state(number: int) -> dict[str, Any]:
    """The state after an epoch."""
    return {"model": {"weights": {"w": np.full(SIZE, float(number))}}, "epoch": number}


def save(store: ArtifactStore, epoch: int, number: int | None = None, folder: str = RUN) -> None:
    """Commit a checkpoint; `number` tells its weights apart."""
    tree = state(epoch if number is None else number)
    ref = CheckpointRef("", epoch, 0, epoch, digest(tree["model"]["weights"]), {"loss": 1.0})
    CheckpointManager(store, folder).save(ref, tree, {"run_id": "r"})


def buffer(epoch: int) -> Any:  # noqa: ANN401 - an array
    """Large state: of four pieces, one changes from epoch to epoch."""
    array = np.arange(float(SIZE))
    array[SIZE // 4 * (epoch % 4)] = epoch
    return array


def save_in_pieces(store: ArtifactStore, epoch: int) -> None:
    """Commit a checkpoint as a process does that went on from the one before."""
    manager = CheckpointManager(store, RUN_IN_PIECES)
    manager.newest()
    tree: dict[str, Any] = {"epoch": epoch, "buffer": Segmented(buffer(epoch), SIZE // 4)}
    manager.save(CheckpointRef("", epoch, 0, epoch, "d", {"loss": 1.0}), tree, {"run_id": "q"})


def check_pieces(store: ArtifactStore, epoch: int) -> None:
    """A checkpoint in pieces is there, and what was saved."""
    tree: Any = store.read_tree(f"{RUN_IN_PIECES}/{epoch:08d}-00000000", "state.safetensors")
    assert tree["epoch"] == epoch
    assert (tree["buffer"] == buffer(epoch)).all()


def files_of(number: int) -> str:
    """Where the files of a model lie that `register` made."""
    weights: Any = {"w": np.full(SIZE, float(number))}
    return files_path("m", place_of(f"r{number}", "final", digest(weights)))


def register(store: ArtifactStore, number: int) -> int:
    """Register a model; returns its version."""
    weights: Any = {"w": np.full(SIZE, float(number))}
    card = {"run_id": f"r{number}", "metrics": {"loss": 1.0}}
    return ModelRegistry(store).save_model("m", weights, {"scaler": "none"}, card).version


def fill(store: ArtifactStore) -> None:
    """What is there before an operation, and must be there after it."""
    for epoch in (1, 2, 3):
        save(store, epoch)
    for epoch in (1, 2):
        save_in_pieces(store, epoch)
    for number in (1, 2):
        register(store, number)
        store.put("reports", "p", {"f": b"report %d" % number})
    ModelRegistry(store).set_alias("m", "champion", 1, expect=None)
    store.create("runs/r/run.json", {"v": "kept"})
    store.create("runs/r/lease", {"v": "old"})


def check_kept(store: ArtifactStore) -> None:
    """Whatever no operation was asked to change is whole, and nothing torn can be seen."""
    assert store.verify().problems == []
    assert weights_at(store, 3) in {3.0, 33.0}
    check_pieces(store, 2)
    registry = ModelRegistry(store)
    for number in (1, 2):
        weights: Any = registry.weights(registry.get(f"m:{number}"))
        assert (weights["w"] == number).all()
    assert registry.get("m@champion").version in {1, 2}
    assert store.document("runs/r/run.json") == {"v": "kept"}
    assert store.read(store.get("reports", "p", 1).path, "f") == b"report 1"


def weights_at(store: ArtifactStore, epoch: int, folder: str = RUN) -> float:
    """The value in a checkpoint's weights; one that is not there: that of the newest before it."""
    for number in range(epoch, 0, -1):
        path = f"{folder}/{number:08d}-00000000"
        if store.exists(path):
            tree: Any = store.read_tree(path, "state.safetensors")
            (value,) = set(tree["model"]["weights"]["w"].tolist())
            return float(epoch if number < epoch else value)
    return 0.0


def _checkpoint(epoch: int, folder: str = RUN) -> Callable[[ArtifactStore], str]:
    def look(store: ArtifactStore) -> str:
        if not store.exists(f"{folder}/{epoch:08d}-00000000"):
            return "old"
        assert weights_at(store, epoch, folder) == epoch
        return "new"

    return look


def _overwritten(store: ArtifactStore) -> str:
    return "new" if weights_at(store, 3) == 33.0 else "old"


def _pruned(store: ArtifactStore) -> str:
    left = store.children(RUN)
    assert left[-1] == "00000003-00000000"
    return "new" if len(left) == 1 else "old"


def _saved_in_pieces(store: ArtifactStore) -> str:
    if not store.exists(f"{RUN_IN_PIECES}/00000003-00000000"):
        return "old"
    check_pieces(store, 3)
    return "new"


def _pruned_pieces(store: ArtifactStore) -> str:
    left = store.children(RUN_IN_PIECES)
    assert left[-1] == "00000002-00000000"
    return "new" if len(left) == 1 else "old"


def _registered(store: ArtifactStore) -> str:
    registry = ModelRegistry(store)
    numbers = registry.numbers("m")
    if numbers == [1, 2]:
        return "old"
    assert numbers == [1, 2, 3]
    weights: Any = registry.weights(registry.get("m:3"))
    assert (weights["w"] == 9).all()
    return "new"


def _moved(store: ArtifactStore) -> str:
    return "new" if ModelRegistry(store).alias("m", "champion") == 2 else "old"


def _move(store: ArtifactStore) -> None:
    if ModelRegistry(store).alias("m", "champion") == 1:
        ModelRegistry(store).set_alias("m", "champion", 2, expect=1)


def _put(store: ArtifactStore) -> None:
    if store.versions("reports", "p") == [1, 2]:
        store.put("reports", "p", {"f": b"report 3", "d/g": b"more"})


def _was_put(store: ArtifactStore) -> str:
    numbers = store.versions("reports", "p")
    if numbers == [1, 2]:
        return "old"
    path = store.get("reports", "p").path
    assert store.read(path, "f") == b"report 3"
    assert store.read(path, "d/g") == b"more"
    return "new"


def _delete(store: ArtifactStore) -> None:
    if 2 in store.versions("reports", "p"):
        store.delete("reports", "p", 2)


def _create(store: ArtifactStore) -> None:
    if not store.exists("runs/r/note"):
        store.create("runs/r/note", {"v": "new"})


def _document(path: str) -> Callable[[ArtifactStore], str]:
    def look(store: ArtifactStore) -> str:
        return str(store.document(path)["v"]) if store.exists(path) else "old"

    return look


OPERATIONS = {
    "first save": Operation(
        lambda store: save(store, 1, folder="runs/s/checkpoints"),
        _checkpoint(1, "runs/s/checkpoints"),
    ),
    "next save": Operation(lambda store: save(store, 4), _checkpoint(4)),
    "save over another": Operation(lambda store: save(store, 3, 33), _overwritten),
    "prune": Operation(
        lambda store: CheckpointManager(store, RUN, [KeepLatest(n=1)]).prune(), _pruned
    ),
    "save in pieces": Operation(lambda store: save_in_pieces(store, 3), _saved_in_pieces),
    "prune pieces": Operation(
        lambda store: CheckpointManager(store, RUN_IN_PIECES, [KeepLatest(n=1)]).prune(),
        _pruned_pieces,
    ),
    "register": Operation(lambda store: register(store, 9), _registered),
    "alias": Operation(_move, _moved),
    "put": Operation(_put, _was_put),
    "delete": Operation(
        _delete, lambda store: "old" if 2 in store.versions("reports", "p") else "new"
    ),
    "create": Operation(_create, _document("runs/r/note")),
    "replace": Operation(
        lambda store: store.replace("runs/r/lease", {"v": "new"}), _document("runs/r/lease")
    ),
}
