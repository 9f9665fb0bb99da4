"""What tests share: a table, a way to train on it, one Prefect server for all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from flows.settings import prepare
from training.config import DataConfig
from training.data import DataManager
from training.engine import TrainingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from training.run import TrainingResult

    Train = Callable[..., TrainingResult]

DATA = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's settings change no test."""
    for name in ("RETRAIN_STORAGE", "RETRAIN_TRUSTED_MODULES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def table() -> pd.DataFrame:
    """400 rows of four numbers and a target that follows from them, with noise."""
    random = np.random.default_rng(11)
    frame = pd.DataFrame(random.normal(size=(400, 4)), columns=list("abcd"))
    frame["y"] = frame["a"] - 2 * frame["b"] + 0.1 * random.normal(size=400)
    return frame


@pytest.fixture
def train(tmp_path: Path, table: pd.DataFrame) -> Train:
    """Train a small perceptron on the table, in plain Python.

    Keywords are those of the section `training`, and `storage`, `callbacks`, `resume_from`,
    `checkpoints`, `data`, `model`, `frame`.
    """

    def run(**settings: Any) -> TrainingResult:  # noqa: ANN401 - sections of a configuration
        storage = settings.pop("storage", tmp_path / "storage")
        data = DATA | settings.pop("data", {})
        frame = settings.pop("frame", table)
        engine = TrainingEngine(storage, checkpoints=settings.pop("checkpoints", None))
        model = settings.pop("model", {"type": "mlp", "hidden": [8]})
        callbacks = settings.pop("callbacks", None)
        resume_from = settings.pop("resume_from", None)
        training = {"epochs": 3, "batch_size": 32, "seed": 1} | settings
        manager = DataManager(DataConfig.model_validate(data), frame=frame)
        return engine.train(model, manager, training, callbacks=callbacks, resume_from=resume_from)

    return run


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of Prefect for the whole session, set before Prefect is imported."""
    home = tmp_path_factory.mktemp("prefect")
    os.environ["PREFECT_HOME"] = str(home)
    prepare()
    return home


@pytest.fixture(scope="session")
def server(prefect_home: Path) -> Iterator[str]:
    """The URL of a real Prefect server, started once."""
    from flows.temporary_server import temporary_server

    with temporary_server(lambda _seconds: None) as url:
        os.environ["PREFECT_API_URL"] = url
        yield url
        from flows.train import deliver

        deliver()
        os.environ.pop("PREFECT_API_URL", None)
