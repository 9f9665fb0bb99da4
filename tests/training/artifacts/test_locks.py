"""Locks, and stages that are in use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from training.artifacts import ArtifactStore, fs
from training.artifacts.stage import unique_name
from training.errors import BusyError

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, time
from training.artifacts import ArtifactStore
with ArtifactStore(sys.argv[1]).lock("runs/r/lock"):
    print("held", flush=True)
    time.sleep(60)
"""

SWEEP = """
import sys
from training.artifacts import ArtifactStore
sys.exit(len(ArtifactStore(sys.argv[1]).sweep()))
"""


def hold(store: ArtifactStore) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, store.url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_keeps_others_out_until_its_owner_dies(disk: ArtifactStore) -> None:
    """The message names the process, and SIGKILL frees the lock."""
    with hold(disk) as process:
        with pytest.raises(BusyError, match=f"process {process.pid} on"), disk.lock("runs/r/lock"):
            pytest.fail("two hold the lock")
        with disk.lock("runs/other/lock"):
            pass
        process.kill()
        process.wait()
        with disk.lock("runs/r/lock"):
            pass


def test_a_lock_is_no_part_of_what_is_stored(disk: ArtifactStore, tmp_path: Path) -> None:
    """It is not shown, not verified, and gone when it is given back."""
    for _ in range(2):
        with disk.lock("runs/r/lock"):
            assert disk.children() == []
            assert disk.verify().files == 0
            with pytest.raises(BusyError), disk.lock("runs/r/lock"):
                pytest.fail("one process holds the lock twice")
    assert list((tmp_path / "store" / ".locks").iterdir()) == []


def test_an_error_inside_stays_what_it_is(disk: ArtifactStore) -> None:
    """The lock is given back, and an OSError of the training is not called one of the store."""
    with pytest.raises(PermissionError, match="mine"), disk.lock("runs/r/lock"):
        raise PermissionError("mine")
    with disk.lock("runs/r/lock"):
        pass


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_neither_keeps_nor_frees_a_lock(disk: ArtifactStore) -> None:
    """A worker that outlives its parent does not block the next run."""
    ready, go = os.pipe(), os.pipe()
    with disk.lock("runs/r/lock"):
        child = os.fork()
        if child == 0:
            os.write(ready[1], b"x")
            os.read(go[0], 1)
            os._exit(0)
        os.read(ready[0], 1)
    with disk.lock("runs/r/lock"):  # the child still lives
        leaver = os.fork()
        if leaver:
            os.waitpid(leaver, 0)
            with pytest.raises(BusyError), disk.lock("runs/r/lock"):
                pytest.fail("a child freed the lock of its parent")
    if not leaver:
        os._exit(0)  # it left the `with` too
    os.write(go[1], b"x")
    os.waitpid(child, 0)
    for end in (*ready, *go):
        os.close(end)


def test_many_threads_take_turns(disk: ArtifactStore) -> None:
    """Nobody is in with another one, although the lock's file comes and goes."""
    inside = 0
    most = 0
    turns = 0

    def work() -> None:
        nonlocal inside, most, turns
        for _ in range(300):
            try:
                with disk.lock("runs/r/lock"):
                    inside += 1
                    most = max(most, inside)
                    time.sleep(0)
                    turns += 1
                    inside -= 1
            except BusyError:
                continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert turns > 0


def test_a_stage_in_use_is_not_swept(disk: ArtifactStore) -> None:
    """Another store, in another process or here, sweeps in the middle of a commit."""
    with disk._backend.stage() as stage:
        entry = stage.add("f", b"x")
        assert entry.size == 1
        assert ArtifactStore(disk.url).sweep() == []
        done = subprocess.run([sys.executable, "-c", SWEEP, disk.url], check=False)
        assert done.returncode == 0
        stage.publish("c", b"")
    assert disk.sweep() == []


def test_a_stage_that_is_swept_before_it_is_locked_is_given_up(
    disk: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between mkdir and lock, nothing tells that its owner lives: another one is taken."""
    real_lock = fs.lock
    seen = []

    def swept_first(file: int) -> bool:
        monkeypatch.setattr(fs, "lock", real_lock)
        seen.extend(ArtifactStore(disk.url).sweep())
        return real_lock(file)

    monkeypatch.setattr(fs, "lock", swept_first)
    disk.commit("c", {"f": b"x"})
    assert len(seen) == 1
    assert disk.read("c", "f") == b"x"
    assert disk.sweep() == []


def test_a_stage_that_is_being_swept_is_given_up(
    disk: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper holds the lock first: another stage is taken."""
    real_lock = fs.lock

    def taken_once(_file: int) -> bool:
        monkeypatch.setattr(fs, "lock", real_lock)
        return False

    monkeypatch.setattr(fs, "lock", taken_once)
    disk.commit("c", {"f": b"x"})
    assert disk.read("c", "f") == b"x"
    assert disk.sweep() == []  # nothing of the one given up is left


def test_what_a_killed_process_left_is_swept(disk: ArtifactStore) -> None:
    """Its half-written commit, and what it was deleting."""
    program = """
import os, sys
from training.artifacts import ArtifactStore, fs
store = ArtifactStore(sys.argv[1])
store.commit("c", {"f": b"x"})
fs.unlink = lambda *_: os.kill(os.getpid(), 9)
try:
    store.remove("c")
finally:
    os.abort()
"""
    done = subprocess.run([sys.executable, "-c", program, disk.url], check=False)
    assert done.returncode == -signal.SIGKILL
    program = program.replace("fs.unlink", "fs.publish").replace('remove("c")', 'commit("d", {})')
    program = program.replace('store.commit("c", {"f": b"x"})', "")
    done = subprocess.run([sys.executable, "-c", program, disk.url], check=False)
    assert done.returncode == -signal.SIGKILL
    swept = disk.sweep()
    assert sorted(name.split("/")[0] for name in swept) == [".stage", ".trash"]
    assert disk.sweep() == []
    assert disk.children() == []


def test_a_stage_of_another_machine_is_swept_by_its_age(
    disk: ArtifactStore, tmp_path: Path
) -> None:
    """No lock reaches over; a commit takes minutes, and a day is long enough."""
    disk.create("d", {})
    foreign = tmp_path / "store" / ".stage" / f"0123456789ab{unique_name()[12:]}"
    (foreign / "commit").mkdir(parents=True)
    assert disk.sweep() == []
    yesterday = time.time() - 25 * 3600
    os.utime(foreign / "commit", (yesterday, yesterday))
    assert disk.sweep() == []
    os.utime(foreign, (yesterday, yesterday))
    assert disk.sweep() == [f".stage/{foreign.name}"]
    assert not foreign.exists()
