"""What these tests share: stores of both kinds, and a hand on the seam to the file system."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from training.artifacts import ArtifactStore, fs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@pytest.fixture
def seam(monkeypatch: pytest.MonkeyPatch) -> Seam:
    """The seam, not disturbed yet."""
    return Seam(monkeypatch)


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """An empty store: what holds for one kind must hold for the other."""
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
