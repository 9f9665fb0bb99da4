"""The command that tries out whether a configuration resumes exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.checkpoints import state_differences
from training.config.load import parse_config
from training.errors import TrainingError
from training.prove import prove_resume

if TYPE_CHECKING:
    from pathlib import Path

    from training.config import RunConfig

MODELS = """
import numpy as np
from training.callbacks import CallbackBase

class Exact:
    def __init__(self, spec):
        self.w = np.zeros((spec.inputs, 1))
        self.speed = np.zeros_like(self.w)

    def train_on_batch(self, batch):
        error = batch.x @ self.w - batch.y.reshape(-1, 1)
        self.speed = 0.9 * self.speed + batch.x.T @ error / len(batch.x)
        self.w = self.w - 0.1 * self.speed
        return {"loss": float((error**2).mean())}

    def evaluate_on_batch(self, batch):
        return {"loss": float(((batch.x @ self.w - batch.y.reshape(-1, 1)) ** 2).mean())}

    def predict(self, x):
        return (x @ self.w).reshape(-1)

    def state_dict(self):
        return {"weights": {"w": self.w.copy()}, "speed": self.speed.copy()}

    def load_state_dict(self, state):
        self.w, self.speed = state["weights"]["w"].copy(), state["speed"].copy()

class Forgetful(Exact):
    def state_dict(self):
        return {"weights": {"w": self.w.copy()}}

    def load_state_dict(self, state):
        self.w = state["weights"]["w"].copy()

class Broken(Exact):
    def train_on_batch(self, batch):
        raise ValueError("always")

class Counter(CallbackBase):
    seen = 0

    def on_batch_end(self, record):
        self.seen += 1

    def state_dict(self):
        return {"seen": self.seen}
"""


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a function
    """A configuration of the S&P 500 sample with sections of one's own."""
    (tmp_path / "proved.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def make(**sections: Any) -> RunConfig:  # noqa: ANN401 - sections of a configuration
        data = {"source": {"type": "sample", "end": "2001-01-01"}}
        training = {"epochs": 2, "batch_size": 32}
        return parse_config({"data": data, "training": training, **sections})

    return make


@pytest.mark.parametrize("model", [{"type": "mlp", "hidden": [4]}, {"type": "proved:Exact"}])
def test_what_resumes_exactly_is_said_to(configure: Any, model: dict[str, Any]) -> None:  # noqa: ANN401 - the fixture
    """Kills really happen, and every checkpoint is compared."""
    proof = prove_resume(configure(model=model), epochs=2, kills=2)
    assert proof.is_exact, proof
    assert len(proof.kills) == 2
    assert proof.compared > 2 * 4
    assert proof.epochs == 2


def test_a_model_that_forgets_is_found(configure: Any, tmp_path: Path) -> None:  # noqa: ANN401 - the fixture
    """Its momentum is not in its state: the weights after the kill are others."""
    proof = prove_resume(configure(model={"type": "proved:Forgetful"}), epochs=2, kills=1)
    assert not proof.is_exact
    assert proof.differences[0].startswith("model/weights/w: ")
    assert "state_dict" in proof.advice
    assert [
        path.name
        for path in tmp_path.iterdir()
        if "prove" not in path.name and path.name != "__pycache__"
    ] == []


def test_a_callback_that_forgets_is_found(configure: Any) -> None:  # noqa: ANN401 - the fixture
    """It tells its counter, and does not take it back."""
    config = configure(callbacks=[{"type": "proved:Counter"}])
    proof = prove_resume(config, epochs=2, kills=1)
    assert proof.differences[0].startswith("callbacks/")
    assert "undisturbed" in proof.differences[0]
    assert "callback" in proof.advice


def test_a_training_that_fails_by_itself_is_an_error(configure: Any) -> None:  # noqa: ANN401 - the fixture
    with pytest.raises(TrainingError, match="always"):
        prove_resume(configure(model={"type": "proved:Broken"}))


def test_every_kind_of_difference_is_told() -> None:
    """Bits count, not values: -0.0 is not 0.0, and NaN is NaN."""
    same: dict[str, Any] = {"a": [1, float("nan")], "w": np.array([np.nan, 1.0])}
    assert list(state_differences(same, {"a": [1, float("nan")], "w": same["w"].copy()})) == []
    one = {"w": np.zeros(3), "v": np.zeros(2), "n": 1, "only": 0, "l": [1]}
    other = {"w": np.array([0, 0, -0.0]), "v": np.zeros(3), "n": 1.0, "more": 0, "l": [1, 2]}
    lines = list(state_differences(one, other))
    assert lines == [
        "l is [1, 2], undisturbed [1]",
        "more is only there with interruptions",
        "n is 1.0, undisturbed 1",
        "only is only there without interruptions",
        "v is float64 of shape (3,), undisturbed float64 of (2,)",
        "w: 1 of 3 values differ",
    ]
