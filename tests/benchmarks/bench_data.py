"""The data stage beside its limits, in one run.

Time from Parquet to the first batch, beside pyarrow reading the same columns; batches a second,
beside a bare gather by NumPy, and gathered by a thread beside the training; features a second,
beside the plain expressions of pandas; memory and time of a table in mapped files, and whether all
that comes of it is what comes of it in memory. `--gigabytes 10` makes a set of that size.
"""

from __future__ import annotations

import argparse
import itertools
import os
import queue
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3
from threadpoolctl import threadpool_limits

from training.config.load import parse_config
from training.data import DataManager, FeaturePipeline, Part, epoch_batches
from training.data.lookback import LookBack
from training.engine import TrainingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.types import Batch

ROWS, COLUMNS, BATCH = 500_000, 32, 256
CHUNK = 500_000
ROUNDS = 5


def main() -> None:
    """Print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=0.5, help="of the Parquet set on disk")
    parser.add_argument("--folder", default=None, help="where the set and the mapped files are")
    given = parser.parse_args()
    print(f"{'':44}{'ours':>12}{'limit':>12}{'share':>8}")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        first_batch(Path(folder, "bars"))
    batches()
    ahead()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        from_disk(Path(folder, "rows"))
    features()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        larger_than_memory(Path(folder), given.gigabytes)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        the_same(Path(folder), min(given.gigabytes, 0.5))


def first_batch(folder: Path) -> None:
    """Seconds from nothing to the first batch."""
    write(folder, ROWS)
    names = [f"c{number}" for number in range(COLUMNS)]

    def ours() -> None:
        data = manager(folder, "memory").get_data()
        next(epoch_batches(data.train, batch_size=BATCH, seed=0, epoch=0))

    limit = best(lambda: pq.read_table(folder, columns=[*names, "y", "time"]).to_pandas())
    row(f"Parquet to first batch, {ROWS} rows, s", best(ours), limit, less_is_better=True)


def batches() -> None:
    """Batches a second, of rows that are shuffled."""
    x = np.random.default_rng(0).normal(size=(ROWS, COLUMNS)).astype("float32")
    y = x[:, 0].copy()
    part = Part(x, y)

    def ours() -> None:
        for _ in epoch_batches(part, batch_size=BATCH, seed=0, epoch=1):
            pass

    def bare() -> None:
        order = np.random.default_rng(0).permutation(ROWS)
        for at in range(0, ROWS, BATCH):
            chosen = order[at : at + BATCH]
            x.take(chosen, axis=0)
            y.take(chosen, axis=0)

    many = -(-ROWS // BATCH)
    row(f"batches of {BATCH} x {COLUMNS} float32 a second", many / best(ours), many / best(bare))


def ahead() -> None:
    """Batches a second that a thread gathers while a model works, beside gathering in between."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(100_000, COLUMNS)).astype("float32")
    settings: dict[str, Any] = {"batch_size": BATCH, "seed": 0, "epoch": 1}
    for window in (1, 30):
        x = LookBack.of(window, 1).windows(rows)
        part = Part(x if window > 1 else rows, np.zeros(len(x), "float32"))
        weights = random.normal(size=(window * COLUMNS, 64)).astype("float32")

        def train(batches: Iterator[Batch], weights: Any = weights) -> None:  # noqa: ANN401 - an array
            for batch in batches:
                hidden = np.maximum(batch.x.reshape(batch.size, -1) @ weights, 0)
                weights.T @ (batch.x.reshape(batch.size, -1).T @ hidden)

        def alone(part: Part = part) -> None:
            train(epoch_batches(part, **settings))

        def threaded(part: Part = part) -> None:
            train(from_a_thread(epoch_batches(part, **settings)))

        many = -(-len(x) // BATCH)
        name = f"gathered by a thread, windows of {window}, a second"
        with threadpool_limits(1):  # else the threads of BLAS are measured, and not ours
            row(name, many / best(threaded), many / best(alone))


def from_a_thread(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, up to four of them made beforehand."""
    made: queue.Queue[Batch | None] = queue.Queue(maxsize=4)

    def make() -> None:
        for batch in batches:
            made.put(batch)
        made.put(None)

    threading.Thread(target=make, daemon=True).start()
    while (batch := made.get()) is not None:
        yield batch


def from_disk(path: Path) -> None:
    """Batches a second of rows on disk, of which no page is in memory: read ahead, or not."""
    shape = (4 * ROWS, COLUMNS)
    rows = np.memmap(path, dtype="float32", mode="w+", shape=shape)
    for at in range(0, len(rows), CHUNK):
        rows[at : at + CHUNK] = 1.0
    rows.flush()
    del rows  # what is still mapped somewhere stays in memory

    def read(readers: int) -> float:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        cold = np.memmap(path, dtype="float32", mode="r", shape=shape)
        part = Part(np.asarray(cold), np.zeros(len(cold), "float32"), readers=readers)
        started = time.perf_counter()
        for _ in itertools.islice(epoch_batches(part, batch_size=BATCH, seed=0, epoch=1), 200):
            pass
        return time.perf_counter() - started

    for readers in (2, 4):
        turns = [(read(readers), read(0)) for _ in range(ROUNDS)]
        ours, limit = (200 / min(times) for times in zip(*turns, strict=True))
        row(f"batches from disk, {readers} readers, a second, beside none", ours, limit)


def features() -> None:
    """Values of features a second."""
    close = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.001, ROWS)))
    frame = pd.DataFrame({"close": close})
    series = frame["close"]
    returns = np.log(series).diff()

    def wilder() -> Any:  # noqa: ANN401 - thrown away
        change = series.diff()
        gain = change.clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean()
        loss = (-change.clip(upper=0)).ewm(alpha=1 / 14, adjust=False).mean()
        return 100 * gain / (gain + loss)

    plain: dict[str, tuple[dict[str, Any], Callable[[], Any]]] = {
        "returns": ({"type": "returns"}, lambda: np.log(series).diff()),
        "sma 20": ({"type": "sma"}, lambda: series / series.rolling(20).mean() - 1),
        "ema 20": ({"type": "ema"}, lambda: series / series.ewm(span=20, adjust=False).mean() - 1),
        "rsi 14": ({"type": "rsi"}, wilder),
        "volatility 20": ({"type": "volatility"}, lambda: returns.rolling(20).std()),
    }
    for name, (section, expression) in plain.items():
        config = parse_config({"data": {"features": [section]}}).data
        pipeline = FeaturePipeline(config.features, "none", "float64")
        ours = best(lambda pipeline=pipeline: pipeline.compute(frame))  # type: ignore[misc]
        row(f"{name}, million values a second", ROWS / ours / 1e6, ROWS / best(expression) / 1e6)


def larger_than_memory(folder: Path, gigabytes: float) -> None:
    """Peak of the anonymous memory, through mapped files."""
    rows = int(gigabytes * 1e9 / (COLUMNS * 4))
    write(folder / "bars", rows)
    size = sum(file.stat().st_size for file in (folder / "bars").iterdir()) / 1e9
    with peak() as found:
        began = time.perf_counter()
        data = manager(folder / "bars", "disk", str(folder)).get_data()
        ready = time.perf_counter() - began
        began, seen = time.perf_counter(), 0
        for batch in epoch_batches(data.train, batch_size=BATCH, seed=0, epoch=0):
            seen += batch.size
            if time.perf_counter() - began > 20:
                break
        rate = seen / BATCH / (time.perf_counter() - began)
    print(f"{size:.1f} GB of Parquet, {rows} rows: {ready:.0f} s to the first batch, then "
          f"{rate:.0f} shuffled batches a second; anonymous memory at most {found[0]:.2f} GB "
          f"above the {found[1]:.2f} GB before (limit 1.5 GB)")  # fmt: skip


def the_same(folder: Path, gigabytes: float) -> None:
    """Whether order, scaling and weights are those that the same table has in memory."""
    rows = int(gigabytes * 1e9 / (COLUMNS * 4))
    write(folder / "bars", rows)
    found = {}
    for mode in ("memory", "disk"):
        managed = manager(folder / "bars", mode, str(folder))
        data = managed.get_data()
        order = blake3()
        for batch in epoch_batches(data.train, batch_size=BATCH, seed=0, epoch=0):
            order.update(np.ascontiguousarray(batch.x).tobytes())
        scaler = data.pipeline.scaler
        engine = TrainingEngine(folder / mode)
        training = {"epochs": 1, "batch_size": BATCH, "optimizer": {"learning_rate": 1e-3}}
        result = engine.train({"type": "linear"}, managed, training)
        found[mode] = (
            order.hexdigest(), scaler.center.tobytes(), scaler.scale.tobytes(),
            result.model["digest"],
        )  # fmt: skip
    same = [one == other for one, other in zip(found["memory"], found["disk"], strict=True)]
    words = zip(("order", "centres", "scales", "weights"), same, strict=True)
    said = ", ".join(f"{word} {'the same' if one else 'OTHERS'}" for word, one in words)
    print(f"{rows} rows in mapped files and in memory: {said}")


def manager(folder: Path, mode: str, scratch: str | None = None) -> DataManager:
    """Every column a feature, `y` the target."""
    data = {
        "source": {"type": "parquet", "path": str(folder)},
        "features": [{"type": "columns"}],
        "target": {"type": "column", "column": "y"},
        "memory": {"mode": mode, "folder": scratch},
    }
    return DataManager(parse_config({"data": data}).data)


def write(folder: Path, rows: int) -> None:
    """Random numbers, as nothing packs well."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number, at in enumerate(range(0, rows, CHUNK)):
        many = min(CHUNK, rows - at)
        values = random.random((COLUMNS + 1, many), dtype="float32")
        names = [*(f"c{column}" for column in range(COLUMNS)), "y"]
        times = np.datetime64("2000-01-01", "ms") + np.arange(at, at + many)
        table = pa.table({"time": times} | dict(zip(names, values, strict=True)))
        path = folder / f"{number:05d}.parquet"
        pq.write_table(table, path, compression="none", use_dictionary=False)


def best(action: Callable[[], Any]) -> float:
    """Seconds of the quickest of some runs."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        action()
        found.append(time.perf_counter() - began)
    return min(found)


def row(name: str, ours: float, limit: float, *, less_is_better: bool = False) -> None:
    """One line of the table."""
    share = limit / ours if less_is_better else ours / limit
    print(f"{name:44}{ours:12.3f}{limit:12.3f}{share:8.2f}")


@contextmanager
def peak() -> Iterator[list[float]]:
    """Gigabytes of anonymous memory: the peak above what there was, and what there was."""
    before = anonymous()
    found, done = [0.0, before], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            found[0] = max(found[0], anonymous() - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def anonymous() -> float:
    """Gigabytes of this process that no file stands for (Linux)."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1e6
    return 0.0


if __name__ == "__main__":
    main()
