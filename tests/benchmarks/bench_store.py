"""What a durable save and a verified load cost, beside the bare minimum for the same bytes.

Run it with `python -m tests.benchmarks.bench_store`. The limit of a save is write, fsync, rename
and fsync of the directory, of one file, without any digest; that of a load is `torch.load`, which
verifies nothing (where PyTorch is not installed, `np.fromfile` and BLAKE3). A load is the first of
a process, which is how a run comes back; a row says what it is in a process whose memory is warm.
The last row is a checkpoint of a replay buffer of 100 MB of which one percent changed, kept in
pieces, beside a checkpoint of the whole.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from blake3 import blake3

from tests.benchmarks.harness import Aim, Row, in_turn, main
from training.artifacts import ArtifactStore, encode
from training.checkpoints import CheckpointManager
from training.config import KeepLatest
from training.state import CheckpointRef
from training.types import Segmented

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.types import Array

MB = 1_000_000
SAVES = {1: 2.6, 10: 2.0, 100: 1.5, 500: 1.4}
LOADS = {1: 1.0, 10: 1.0, 100: 0.8, 500: 1.0}
ROUNDS = {1: 60, 10: 30, 100: 10, 500: 4}
PIECES = 100


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def timed_first(action: Callable[[], object]) -> float:
    """The same in a new process, which has imported everything and done nothing yet."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, repr(timed(action)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        seconds = float(pipe.read())
    os.waitpid(child, 0)
    return seconds


def numbers(size: int) -> Array:
    """So many MB that no file system makes smaller."""
    return np.frombuffer(np.random.default_rng(0).bytes(size * MB), np.float32)


def bare_write(folder: Path, data: Array) -> None:
    """Write, fsync, rename, fsync of the directory."""
    fresh = folder / "bare.new"
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    rest = memoryview(data.data).cast("B")
    while rest:
        rest = rest[os.write(file, rest) :]
    os.fsync(file)
    os.close(file)
    fresh.rename(folder / "bare")
    directory = os.open(folder, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def save_row(folder: Path, size: int) -> Row:
    """A commit of one array."""
    raw, names, store = numbers(size), count(), ArtifactStore(folder / "store")

    def bare() -> float:
        seconds = timed(partial(bare_write, folder, raw))
        (folder / "bare").unlink()
        return seconds

    def ours() -> float:
        path = f"commits/{next(names)}"
        files = {"state": encode({"weights": {"w": raw}})}
        seconds = timed(partial(store.commit, path, files))
        store.remove(path)
        return seconds

    return Row(
        f"a durable save of {size} MB",
        "write, fsync, rename, fsync of the folder",
        Aim("times", SAVES[size], "ms", 1e-3),
        in_turn(bare, ours),
        rounds=ROUNDS[size],
        warm=2,
    )


def load_row(
    folder: Path, size: int, *, clock: Callable[[Callable[[], object]], float] = timed_first
) -> Row:
    """A verified read of one array in the page cache, beside a read that verifies nothing.

    What prepares it is a process of its own: memory that it leaves behind would be inherited.
    """
    store, file = ArtifactStore(folder / "store"), folder / "bare.file"
    peer = "torch.load, unverified" if find_spec("torch") else "np.fromfile and BLAKE3"
    path = f"loads/{size}"

    def prepare() -> None:
        if not store.exists(path):
            store.commit(path, {"state": encode({"weights": {"w": numbers(size)}})})
        write_peer(file, size)

    def turns(rounds: int) -> Iterator[tuple[float, float, float]]:
        timed_first(prepare)
        yield from in_turn(
            lambda: clock(partial(read_peer, file)),
            lambda: clock(partial(store.read_tree, path, "state")),
        )(rounds)

    again = "" if clock is timed_first else ", in warm memory"
    aim = Aim("times", LOADS[size], "ms", 1e-3)
    return Row(f"a verified load of {size} MB{again}", peer, aim, turns, ROUNDS[size], 2)


def write_peer(file: Path, size: int) -> None:
    """The same array for what we stand beside."""
    if find_spec("torch"):
        import torch

        torch.save({"weights": {"w": torch.from_numpy(numbers(size).copy())}}, file)
    else:
        numbers(size).tofile(file)


def read_peer(file: Path) -> object:
    """Read it as that does."""
    if find_spec("torch"):
        import torch

        return torch.load(file)
    return blake3(np.fromfile(file, np.uint8).data).hexdigest()


def pieces_row(folder: Path, size: int) -> Row:
    """A checkpoint of a large array of which one percent changed, beside one of the whole."""
    store = ArtifactStore(folder / "store")
    array = np.random.default_rng(0).random(size * MB // 4, np.float32)
    rows, epochs = len(array) // PIECES, count(1)
    whole, pieces = (
        CheckpointManager(store, f"runs/{name}/checkpoints", [KeepLatest(n=1)])
        for name in ("whole", "pieces")
    )

    def side(manager: CheckpointManager, content: Array | Segmented) -> float:
        epoch = next(epochs)
        array[epoch % PIECES * rows : (epoch % PIECES + 1) * rows] += 1
        reference = CheckpointRef("", epoch, 0, epoch, "", {})
        seconds = timed(lambda: manager.save(reference, {"buffer": content}, {}))
        manager.prune()
        return seconds

    return Row(
        f"a checkpoint in pieces, 1 % of {size} MB changed",
        "a checkpoint of the whole",
        Aim("times", 1.0, "ms", 1e-3),
        in_turn(partial(side, whole, array), partial(side, pieces, Segmented(array, rows))),
        rounds=10,
        warm=2,
    )


@contextmanager
def place() -> Iterator[Path]:
    """A folder on the disk of the project; what is in it is gone afterwards."""
    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as folder:
        yield Path(folder)
    os.sync()


def rows() -> Iterator[Row]:
    """Saves and loads of each size."""
    if find_spec("torch"):
        import torch  # noqa: F401 - before the first fork: what it imports is no part of a load
    with place() as folder:
        for size in LOADS:
            yield load_row(folder, size)
        yield load_row(folder, 10, clock=timed)
        for size in SAVES:
            yield save_row(folder, size)
        shutil.rmtree(folder / "store", ignore_errors=True)
        yield pieces_row(folder, 100)


if __name__ == "__main__":
    main(rows)
