"""What these tests share: stores of both kinds, and a hand on the seam to the file system."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np
import pytest

from tests.conftest import free_port
from training.artifacts import ArtifactStore, encode, fs
from training.errors import ExistsError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator


Real = Callable[..., Any]
Hook = Callable[[str, Real, tuple[Any, ...]], Any]


class Seam:
    """All operations on the file system pass here, one after the other.

    Attributes:
        calls: the names of the operations so far.
        hook: is given name, function and arguments of each, and does it or not.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.hook: Hook = lambda _name, real, arguments: real(*arguments)
        for name, real in list(vars(fs).items()):
            if getattr(real, "__module__", "") == fs.__name__ and not name.startswith("_"):
                monkeypatch.setattr(fs, name, self._wrapped(name, real))

    def _wrapped(self, name: str, real: Real) -> Real:
        def call(*arguments: Any) -> Any:  # noqa: ANN401 - any operation
            self.calls.append(name)
            return self.hook(name, real, arguments)

        return call


class Operation(NamedTuple):
    """Something that changes a store, to be cut off anywhere.

    Attributes:
        act: does it.
        look: `old` or `new`, by all that can be read; fails on anything else.
    """

    act: Callable[[ArtifactStore], object]
    look: Callable[[ArtifactStore], str]


FILES: dict[str, Any] = {"state": encode({"w": np.arange(500.0)}), "d/f": b"hello" * 50}


def fill(store: ArtifactStore) -> None:
    """What is there before an operation, and must be there after it."""
    for number in (0, 1):
        store.commit(f"runs/r/{number}", FILES, {"n": number})
    store.create("runs/r/run.json", {"v": "kept"})
    store.create("runs/r/lease", {"v": "old"})
    store.put("models", "m", FILES)
    store.put("models", "m", FILES)


def check_kept(store: ArtifactStore) -> None:
    """Whatever no operation was asked to change is whole, and nothing torn can be seen."""
    assert store.verify().problems == []
    assert commit_at("runs/r/0")(store) == "new"
    assert store.document("runs/r/run.json") == {"v": "kept"}
    assert store.read(store.get("models", "m", 1).path, "d/f") == FILES["d/f"]


def commit_at(path: str, there: str = "new", gone: str = "old") -> Callable[[ArtifactStore], str]:
    """Looks at a commit, which is whole or does not exist."""

    def look(store: ArtifactStore) -> str:
        if not store.exists(path):
            return gone
        assert store.read(path, "d/f") == FILES["d/f"]
        assert len(store.read_tree(path, "state")["w"]) == 500  # type: ignore[arg-type] # an array
        return there

    return look


def look_at_new_document(store: ArtifactStore) -> str:
    if not store.exists("runs/r/new"):
        return "old"
    return str(store.document("runs/r/new")["v"])


def look_at_versions(store: ArtifactStore) -> str:
    numbers = store.versions("models", "m")
    for number in numbers:
        commit_at(store.get("models", "m", number).path)(store)
    return "old" if numbers == [1, 2] else "new"


Check = Callable[[ArtifactStore, Operation], None]

OPERATIONS = {
    "commit": Operation(lambda store: store.commit("runs/r/2", FILES), commit_at("runs/r/2")),
    "commit in new folders": Operation(
        lambda store: store.commit("runs/s/checkpoints/1", FILES),
        commit_at("runs/s/checkpoints/1"),
    ),
    "create": Operation(
        lambda store: store.create("runs/r/new", {"v": "new"}), look_at_new_document
    ),
    "replace": Operation(
        lambda store: store.replace("runs/r/lease", {"v": "new"}),
        lambda store: str(store.document("runs/r/lease")["v"]),
    ),
    "put": Operation(lambda store: store.put("models", "m", FILES), look_at_versions),
    "remove": Operation(
        lambda store: store.remove("runs/r/1"), commit_at("runs/r/1", there="old", gone="new")
    ),
    "delete": Operation(
        lambda store: store.delete("models", "m", 2),
        look_at_versions,
    ),
    "quarantine": Operation(
        lambda store: store.quarantine("runs/r/1"),
        commit_at("runs/r/1", there="old", gone="new"),
    ),
}


def finish(store: ArtifactStore, operation: Operation, state: str) -> None:
    """Swept and asked again, the operation is done, or says that it was."""
    store.sweep()
    assert hidden(store) == []
    try:
        operation.act(store)
    except (ExistsError, NotFoundError):
        assert state == "new"
    assert operation.look(store) == "new"
    check_kept(store)


def hidden(store: ArtifactStore) -> list[str]:
    """What is left in stages and trash."""
    root = Path(store.url)
    return [str(path) for area in (".stage", ".trash") for path in (root / area).glob("*")]


@pytest.fixture(params=list(OPERATIONS.values()), ids=list(OPERATIONS))
def operation(request: pytest.FixtureRequest) -> Operation:
    """Each operation that changes a store."""
    found: Operation = request.param
    return found


@pytest.fixture
def check() -> Check:
    """What must hold after anything happened to an operation."""

    def check_all(store: ArtifactStore, operation: Operation) -> None:
        check_kept(store)
        finish(store, operation, operation.look(store))

    return check_all


@pytest.fixture
def template(quick_path: Path) -> Path:
    """A filled store, to be copied."""
    store = ArtifactStore(quick_path / "template")
    fill(store)
    return quick_path / "template"


@pytest.fixture
def seam(monkeypatch: pytest.MonkeyPatch) -> Seam:
    """The seam, not disturbed yet."""
    return Seam(monkeypatch)


AZURITE = shutil.which("azurite-blob", path=os.environ.get("RETRAIN_AZURITE"))
"""Azure's own emulator, from `npm install azurite`: on the path, or in the folder of this name."""
NEEDS_AZURITE = (
    "azurite-blob is not on the path nor in $RETRAIN_AZURITE (npm install azurite), or adlfs is "
    "not installed"
)
HAS_AZURE = AZURITE is not None and find_spec("adlfs") is not None
AZURE = pytest.param(
    "azure", marks=pytest.mark.filterwarnings("ignore:Sending a large body directly")
)  # adlfs hands aiohttp what it warns of
KINDS = ["disk", "memory", "s3", *([AZURE] if HAS_AZURE else [])]


@pytest.fixture(scope="session")
def container_url() -> Iterator[str]:
    """A container on Azurite, in a process of its own, started once."""
    port, key = free_port(), base64.b64encode(os.urandom(64)).decode()
    address = f"http://127.0.0.1:{port}"
    command = [str(AZURITE), "--inMemoryPersistence", "--blobHost", "127.0.0.1", "--silent"]
    command += ["--blobPort", str(port), "--skipApiVersionCheck", "--disableTelemetry"]
    said = f"DefaultEndpointsProtocol=http;AccountName=retrain;AccountKey={key};"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AZURITE_ACCOUNTS", f"retrain:{key}")
        environment.setenv(
            "AZURE_STORAGE_CONNECTION_STRING", f"{said}BlobEndpoint={address}/retrain;"
        )
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port)
            from adlfs import AzureBlobFileSystem

            AzureBlobFileSystem(use_listings_cache=False).mkdir("container")
            yield "abfs://container"
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """An empty store: what holds for one kind must hold for the others."""
    servers = {"s3": "bucket_url", "azure": "container_url"}
    if request.param in servers:
        server = request.getfixturevalue(servers[request.param])
        return ArtifactStore(f"{server}/{uuid4().hex}/store")
    url = tmp_path / "store" if request.param == "disk" else f"memory://{uuid4().hex}/store"
    return ArtifactStore(url)


@pytest.fixture
def disk(tmp_path: Path) -> ArtifactStore:
    """An empty store on disk."""
    return ArtifactStore(tmp_path / "store")


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A folder in memory where there is one, for campaigns that nobody cuts the power in."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
