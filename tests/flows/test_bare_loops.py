"""Through the flow a model ends with the bits of its library's bare loop, even if it is killed.

The loops here know nothing of this project: they read the file, hold back the last rows, and draw
the order of an epoch from NumPy, as the documentation says that it is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from tests.flows.trainings import newest_in, trainings
from training.artifacts import ArtifactStore
from training.registry import ModelRegistry

pytest.importorskip("sklearn", reason="scikit-learn is an extra")
torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from sklearn.linear_model import SGDClassifier, SGDRegressor  # noqa: E402 - it may not be there
from sklearn.preprocessing import StandardScaler  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.flows.trainings import Trainings
    from training.types import Array

pytestmark = pytest.mark.usefixtures("one_thread")

MODULES = ("training.models.scikit", "training.models.pytorch.model")
ROWS, TRAINED, EPOCHS, BATCH, SEED = 600, 420, 3, 32, 7
BATCHES = 14
MIDDLE = BATCHES + 8
"""The eighth batch of the second epoch; the checkpoint before it is that of six batches."""
NETWORK = {"type": "mlp", "hidden": [16], "dropout": 0.25}
MODELS: dict[str, dict[str, Any]] = {
    "regressor": {
        "type": "sklearn",
        "estimator": {"type": "SGDRegressor", "average": 20},
        "steps": ["StandardScaler"],
    },
    "classifier": {"type": "sklearn", "estimator": {"type": "SGDClassifier", "loss": "log_loss"}},
    "network": {"type": "torch", "device": "cpu", "network": NETWORK},
}
TRAINING: dict[str, dict[str, Any]] = {
    "network": {"optimizer": {"type": "adam", "learning_rate": 0.01}, "clip_norm": 0.5}
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 rows of four numbers, one that follows from them, and whether that is positive."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.normal(size=(ROWS, 4)), columns=list("abcd"))
    frame["y"] = frame["a"] - 2 * frame["b"] + 0.3 * random.normal(size=ROWS)
    frame["up"] = (frame["y"] > 0).astype("int64")
    path = tmp_path_factory.mktemp("data") / "rows.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def flow(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    """Trainings as Prefect flows on a real server."""
    with trainings("flow", tmp_path_factory.mktemp("flow"), *MODULES) as started:
        yield started


def configuration(kind: str, path: Path) -> dict[str, Any]:
    """A training with a checkpoint every two batches."""
    target: dict[str, Any] = {"type": "column", "column": "y"}
    if kind == "classifier":
        target = {"type": "column", "column": "up", "task": "binary"}
    return {
        "name": kind,
        "data": {
            "source": {"type": "csv", "path": str(path)},
            "features": [{"type": "columns", "columns": list("abcd")}],
            "target": target,
            "scaler": "none",
        },
        "model": MODELS[kind],
        "training": {"epochs": EPOCHS, "batch_size": BATCH, "seed": SEED, **TRAINING.get(kind, {})},
        "checkpoints": {"every_n_batches": 2},
    }


def batches(path: Path, target: str) -> Iterator[tuple[Array, Array]]:
    """The rows of all epochs, shuffled anew in each."""
    frame = pd.read_csv(path)[:TRAINED].astype("float32")
    x, y = frame[list("abcd")].to_numpy(), frame[target].to_numpy()
    for epoch in range(EPOCHS):
        random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([SEED, epoch])))
        order = random.permutation(TRAINED)
        for at in range(0, TRAINED, BATCH):
            yield x[order[at : at + BATCH]], y[order[at : at + BATCH]]


def regressor(path: Path) -> dict[str, Array]:
    """A loop of `partial_fit`, behind a scaler's."""
    scaler, one = StandardScaler(), SGDRegressor(average=20, random_state=SEED)
    for x, y in batches(path, "y"):
        one.partial_fit(scaler.partial_fit(x).transform(x), y)
    names = ("_average_coef", "_average_intercept", "_standard_coef", "_standard_intercept")
    found = {f"estimator.{name}": getattr(one, name) for name in names}
    return found | {"step0.mean_": scaler.mean_, "step0.var_": scaler.var_}


def classifier(path: Path) -> dict[str, Array]:
    """A loop of `partial_fit` with the classes."""
    one = SGDClassifier(loss="log_loss", random_state=SEED)
    for x, y in batches(path, "up"):
        one.partial_fit(x, y, classes=[0, 1])
    return {"estimator.coef_": one.coef_, "estimator.intercept_": one.intercept_}


def network(path: Path) -> dict[str, Array]:
    """A loop as in PyTorch's own tutorial: Adam, dropout, clipped gradients."""
    nn = torch.nn
    torch.manual_seed(SEED)
    one = nn.Sequential(
        nn.Flatten(), nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.25), nn.Linear(16, 1)
    )
    optimizer = torch.optim.Adam(one.parameters(), 0.01)
    for x, y in batches(path, "y"):
        optimizer.zero_grad()
        out = one(torch.from_numpy(x)).squeeze(-1)
        nn.functional.mse_loss(out, torch.from_numpy(y)).backward()
        nn.utils.clip_grad_norm_(one.parameters(), 0.5)
        optimizer.step()
    return {name: tensor.numpy() for name, tensor in one.state_dict().items()}


LOOPS = {"regressor": regressor, "classifier": classifier, "network": network}
each_kind = pytest.mark.parametrize("kind", LOOPS)


def require_same(storage: Path, kind: str, path: Path) -> None:
    """The registered weights are those of the bare loop, bit for bit."""
    registry = ModelRegistry(ArtifactStore(storage))
    weights = dict(_flat(registry.weights(registry.get(f"{kind}:1"))))
    expected = LOOPS[kind](path)
    for name, array in expected.items():
        assert weights[name].tobytes() == array.tobytes(), name
    if kind == "network":
        assert weights.keys() == expected.keys()


@each_kind
def test_a_flow_ends_with_the_bits_of_the_bare_loop(flow: Trainings, path: Path, kind: str) -> None:
    storage = flow.folder()
    ended = flow.run(configuration(kind, path), storage)
    assert ended["steps"] == EPOCHS * BATCHES
    require_same(storage, kind, path)


@each_kind
def test_a_flow_killed_in_the_middle_of_an_epoch_ends_with_the_bits_of_the_bare_loop(
    flow: Trainings, path: Path, kind: str
) -> None:
    config, storage = configuration(kind, path), flow.folder()
    flow.run(config, storage, killed_in=MIDDLE)
    assert newest_in(storage) == (1, 6)
    ended = flow.run(config, storage)
    assert ended["result"]["resumed_from"] == {"epoch": 1, "batch": 6}
    assert ended["steps"] == EPOCHS * BATCHES - (BATCHES + 6)
    require_same(storage, kind, path)


def _flat(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - of any kind
    """What is in a tree, by its path."""
    if not isinstance(tree, dict):
        yield path, tree
        return
    for name, value in tree.items():
        yield from _flat(value, f"{path}.{name}".lstrip("."))
