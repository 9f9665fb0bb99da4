"""What a durable commit and a verified read cost, beside the bare minimum for the same bytes.

Run as `python tests/benchmarks/bench_store.py [FOLDER]`. The two sides alternate within one run;
shown are the median and the spread (10th to 90th percentile) of each, and the median of the
ratios of neighbours. The bare minimum of a commit is write, fsync, rename and fsync of the
directory, of one file, without any digest; that of a read is `np.fromfile` and BLAKE3. Where
PyTorch is installed, a verified load stands beside `torch.load` too, which verifies nothing: as
the first of a process, which is how a run comes back, and again in a process whose memory is warm.

The last line is a checkpoint of a replay buffer of 100 MB of which one percent changed, kept in
pieces, beside the commit of the whole.

Limits (the ratio of medians): a commit at most 2.6 at 1 MB, 2.0 at 10 MB, 1.5 at 100 MB and above;
a verified load, the first of its process, at most 1.0 of `torch.load`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from blake3 import blake3

from training.artifacts import ArtifactStore, encode
from training.checkpoints import CheckpointManager
from training.config import KeepLatest
from training.state import CheckpointRef
from training.types import Segmented

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from training.types import Array

SIZES = {1_000_000: 60, 10_000_000: 30, 100_000_000: 10, 500_000_000: 4}
PIECES, ROUNDS = 100, 10


def bare_write(folder: Path, data: Array, name: str) -> None:
    """Write, fsync, rename, fsync of the directory."""
    fresh = folder / f"{name}.new"
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    rest = memoryview(data.data).cast("B")
    while rest:
        rest = rest[os.write(file, rest) :]
    os.fsync(file)
    os.close(file)
    fresh.rename(folder / name)
    directory = os.open(folder, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def bare_read(path: Path) -> str:
    """Read into an array and digest it."""
    return str(blake3(np.fromfile(path, np.uint8).data).hexdigest())


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def timed_first(action: Callable[[], object]) -> float:
    """The same in a new process, which has imported everything and done nothing yet."""
    (seconds,) = in_new_process(lambda: [timed(action)])
    return seconds


def in_new_process(action: Callable[[], Iterable[float]]) -> list[float]:
    """The numbers that an action gives there."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, json.dumps(list(action())).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        numbers: list[float] = json.load(pipe)
    os.waitpid(child, 0)
    return numbers


def compare(
    bare: Callable[[], object],
    ours: Callable[[], object],
    rounds: int,
    clock: Callable[[Callable[[], object]], float] = timed,
    clean: Callable[[], object] = lambda: None,
) -> tuple[Array, Array]:
    """Seconds of both, in turn; the order changes each round, and each is cleaned up after."""
    seconds = np.empty((2, rounds))
    for round_number in range(-2, rounds):  # two to warm up
        for side in (0, 1) if round_number % 2 else (1, 0):
            seconds[side, max(round_number, 0)] = clock((bare, ours)[side])
            clean()
    return seconds[0], seconds[1]


def show(title: str, size: int, bare: Array, ours: Array) -> None:
    """One line of the table."""
    cells = []
    for seconds in (bare, ours):
        low, middle, high = np.percentile(seconds * 1e3, (10, 50, 90))
        cells.append(f"{middle:8.2f} ({low:.2f} to {high:.2f})")
    ratios = np.percentile(ours / bare, (10, 50, 90))
    ratio = f"{ratios[1]:.2f} ({ratios[0]:.2f} to {ratios[2]:.2f})"
    print(f"{title:17} {size / 1e6:5.0f} MB  {cells[0]:>28}  {cells[1]:>28}  {ratio:>22}")


def measure(store: ArtifactStore, folder: Path, size: int, rounds: int) -> None:
    """The lines of one size."""
    raw = np.frombuffer(np.random.default_rng(0).bytes(size), np.float32)
    names = count()

    def write() -> None:
        bare_write(folder, raw, f"bare-{next(names)}")

    def commit() -> None:
        store.commit(f"commits/{size}/{next(names)}", {"state": encode({"weights": {"w": raw}})})

    def clean() -> None:
        for old in sorted(folder.glob("bare-*"))[:-1]:
            old.unlink()
        for name in store.children(f"commits/{size}")[:-1]:
            store.remove(f"commits/{size}/{name}")

    show("commit", size, *compare(write, commit, rounds, clean=clean))
    path = f"commits/{size}/{store.children(f'commits/{size}')[0]}"
    place = folder / "store" / path / "state"

    def read() -> None:
        bare_read(place)

    def verified_read() -> None:
        store.read_tree(path, "state")

    show("verified read", size, *compare(read, verified_read, rounds))


def measure_loads(store: ArtifactStore, folder: Path, size: int, rounds: int) -> None:
    """A verified load beside `torch.load`, of the same array in the page cache.

    What prepares it is a process of its own: memory that it leaves behind would be inherited.
    """
    import torch

    file = folder / f"{size}.pt"

    def prepare() -> None:
        raw = np.frombuffer(np.random.default_rng(0).bytes(size), np.float32)
        store.commit(f"loads/{size}", {"state": encode({"weights": {"w": raw}})})
        torch.save({"weights": {"w": torch.from_numpy(raw.copy())}}, file)

    def load() -> None:
        torch.load(file)

    def verified_load() -> None:
        store.read_tree(f"loads/{size}", "state")

    timed_first(prepare)
    show("load, torch", size, *compare(load, verified_load, rounds, timed_first))
    again = in_new_process(lambda: np.concatenate(compare(load, verified_load, rounds)).tolist())
    show("again", size, *np.array(again).reshape(2, rounds))


def measure_pieces(store: ArtifactStore, size: int) -> None:
    """A checkpoint of a large array of which one percent changed, beside one of the whole."""
    array = np.random.default_rng(0).random(size // 4, np.float32)
    rows, epochs = len(array) // PIECES, count(1)
    whole = CheckpointManager(store, "runs/whole/checkpoints", [KeepLatest(n=1)])
    pieces = CheckpointManager(store, "runs/pieces/checkpoints", [KeepLatest(n=1)])

    def save(manager: CheckpointManager, content: Array | Segmented) -> None:
        epoch = next(epochs)
        array[epoch % PIECES * rows : (epoch % PIECES + 1) * rows] += 1
        manager.save(CheckpointRef("", epoch, 0, epoch, "", {}), {"buffer": content}, {})

    def clean() -> None:
        for manager in (whole, pieces):
            manager.prune()

    sides = (lambda: save(whole, array), lambda: save(pieces, Segmented(array, rows)))
    show("in pieces, whole", size, *compare(*sides, ROUNDS, clean=clean))
    save(pieces, Segmented(array, rows))
    newest = Path(store.url) / pieces.refs()[0].uri
    sizes = [(status.st_size, status.st_nlink) for file in newest.rglob("*") if file.is_file()
             for status in [file.stat()]]  # fmt: skip
    written = sum(size for size, links in sizes if links == 1)
    print(f"of {sum(size for size, _ in sizes):,} bytes in the last one {written:,} were written")


def main(folder: Path) -> None:
    """Print the table."""
    print(f"{'':26} {'bare, ms':>29}  {'store, ms':>28}  {'ratio':>22}")
    store = ArtifactStore(folder / "store")
    if find_spec("torch") is not None:
        for size, rounds in SIZES.items():
            measure_loads(store, folder, size, rounds)
    for size, rounds in SIZES.items():
        measure(store, folder, size, rounds)
        for file in folder.glob("bare-*"):
            file.unlink()
        shutil.rmtree(folder / "store")
    measure_pieces(store, 100_000_000)
    os.sync()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as here:
        main(Path(here))
