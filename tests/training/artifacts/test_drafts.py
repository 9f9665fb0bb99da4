"""Documents that may be lost, many of them: written in one private directory."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from training.artifacts import ArtifactStore, fs
from training.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

DIES = """
import os, signal, sys
from training.artifacts import ArtifactStore
store = ArtifactStore(sys.argv[1])
with store.drafting():
    store.replace("runs/a/progress.json", {"epoch": 1}, durable=False)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_directory_is_made_for_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactStore(tmp_path)
    with store.drafting():
        store.replace("runs/a/progress.json", {"epoch": 0}, durable=False)
        made: list[str] = []
        monkeypatch.setattr(fs, "make_directory", lambda name, *_: made.append(name))
        for epoch in range(20):
            store.replace("runs/a/progress.json", {"epoch": epoch}, durable=False)
            assert store.document("runs/a/progress.json") == {"epoch": epoch}
    assert set(made) <= {"runs", "a"}  # a folder on the way is asked for each time
    assert list((tmp_path / ".stage").iterdir()) == []


def test_a_sweep_beside_leaves_it_alone(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    with store.drafting():
        assert ArtifactStore(tmp_path).sweep() == []
        store.replace("a.json", {"n": 1}, durable=False)
    assert store.document("a.json") == {"n": 1}


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", DIES, tmp_path], check=False)
    assert ended.returncode == -signal.SIGKILL
    store = ArtifactStore(tmp_path)
    assert store.document("runs/a/progress.json") == {"epoch": 1}
    assert len(store.sweep()) == 1
    assert list((tmp_path / ".stage").iterdir()) == []


def test_a_write_that_fails_harms_nothing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactStore(tmp_path)
    store.replace("a.json", {"n": 1}, durable=False)
    with store.drafting():
        with monkeypatch.context() as broken:
            broken.setattr(fs, "write", _full)
            with pytest.raises(StorageError, match="No space left"):
                store.replace("a.json", {"n": 2}, durable=False)
        (private,) = (tmp_path / ".stage").iterdir()
        assert (list(private.iterdir()), store.document("a.json")) == ([], {"n": 1})


def _full(*_: object) -> int:
    raise OSError(28, "No space left on device")
