"""How others save 64 KB under one name, for comparison in the same harness."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from training.artifacts import ArtifactStore, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.types import Array

NUMBERS = 8192


class Writer(NamedTuple):
    """Somebody's way to save an array and to load it again.

    Attributes:
        save: into a folder, over what was saved there before.
        load: raises on whatever it finds out.
        module: what both import, where it may be imported but not used before a fork.
    """

    save: Callable[[Path, Array], object]
    load: Callable[[Path], Array]
    module: str = ""

    def prepare(self, folder: Path) -> None:
        """Save once, for what is imported on the way, so that a child need not."""
        if self.module:
            import_module(self.module)
        else:
            self.save(folder, array(0))


def array(number: int) -> Array:
    """All of one value, so that any part of another shows."""
    return np.full(NUMBERS, float(number))


def _savez(folder: Path, value: Array) -> None:
    np.savez(folder / "state.npz", w=value)


def _load_savez(folder: Path) -> Array:
    with np.load(folder / "state.npz") as found:
        return np.asarray(found["w"])


def _safetensors(folder: Path, value: Array) -> None:
    from safetensors.numpy import save_file

    save_file({"w": value}, folder / "state.safetensors")


def _load_safetensors(folder: Path) -> Array:
    from safetensors.numpy import load_file

    return np.asarray(load_file(folder / "state.safetensors")["w"])


def _joblib(folder: Path, value: Array) -> None:
    import joblib

    joblib.dump({"w": value}, folder / "state.joblib")


def _load_joblib(folder: Path) -> Array:
    import joblib

    return np.asarray(joblib.load(folder / "state.joblib")["w"])


def _torch(folder: Path, value: Array) -> None:
    import torch

    torch.save({"w": torch.from_numpy(value)}, folder / "state.pt")


def _load_torch(folder: Path) -> Array:
    import torch

    return np.asarray(torch.load(folder / "state.pt")["w"].numpy())


def _orbax(folder: Path, value: Array) -> None:
    import orbax.checkpoint as ocp

    with ocp.CheckpointManager(folder) as manager:
        step = (manager.latest_step() or 0) + 1
        manager.save(step, args=ocp.args.StandardSave({"w": value}))
        manager.wait_until_finished()


def _load_orbax(folder: Path) -> Array:
    import orbax.checkpoint as ocp

    like = {"w": np.empty(NUMBERS)}
    with ocp.CheckpointManager(folder) as manager:
        return np.asarray(manager.restore(None, args=ocp.args.StandardRestore(like))["w"])


def _mlflow(folder: Path, value: Array) -> None:
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    with TemporaryDirectory() as elsewhere:
        np.save(f"{elsewhere}/state.npy", value)
        LocalArtifactRepository(folder.as_uri()).log_artifact(f"{elsewhere}/state.npy")


def _load_mlflow(folder: Path) -> Array:
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    repository = LocalArtifactRepository(folder.as_uri())
    return np.asarray(np.load(repository.download_artifacts("state.npy")))


def _ours(folder: Path, value: Array) -> None:
    store = ArtifactStore(folder)
    names = store.children("c")
    store.commit(f"c/{len(names) + 1:08d}", {"state": encode({"w": value})})


def _load_ours(folder: Path) -> Array:
    """The newest that verifies, as `CheckpointManager.newest` does it."""
    store = ArtifactStore(folder)
    newest = store.children("c")[-1]
    return np.asarray(store.read_tree(f"c/{newest}", "state")["w"])


OTHERS = {
    "np.savez": Writer(_savez, _load_savez),
    "safetensors": Writer(_safetensors, _load_safetensors),
    "joblib": Writer(_joblib, _load_joblib),
    "torch.save": Writer(_torch, _load_torch),
    # tensorstore, which it uses, aborts each process that is forked off its own.
    "Orbax": Writer(_orbax, _load_orbax, "orbax.checkpoint"),
    "MLflow's artifacts": Writer(_mlflow, _load_mlflow),
}
NEEDS = {
    "safetensors": "safetensors",
    "joblib": "joblib",
    "torch.save": "torch",
    "Orbax": "orbax",
    "MLflow's artifacts": "mlflow",
}
OURS = Writer(_ours, _load_ours)
INSTALLED = [name for name in OTHERS if name not in NEEDS or find_spec(NEEDS[name]) is not None]
"""Those that can be compared here: PyTorch and MLflow come with their extras, Orbax is installed
for this alone (`pip install orbax-checkpoint`)."""
