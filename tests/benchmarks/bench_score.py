"""Scoring a file larger than memory: peak memory and rows a second, beside a bare NumPy loop.

The loop reads the same file in the same batches, scales and multiplies, and writes the predictions
as Parquet too; it checks nothing, knows no times, and says not which model it used.

    python tests/benchmarks/bench_score.py [GIGABYTES]      default: 0.5
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from training.artifacts import ArtifactStore
from training.config.load import parse_config
from training.data import DataManager
from training.engine import TrainingEngine
from training.registry import ModelRegistry, load_model
from training.run import TrainingRun
from training.scoring import score

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = 20
GROUP = 2**17
BATCH = 2**16


def main() -> None:
    """Print the table."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # who else works on this machine changes less
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _register(folder)
        for recursive in (False, True):
            model = "recursive" if recursive else "plain"
            path = folder / "rows.parquet"
            rows = _write(path, gigabytes)
            size = path.stat().st_size / 1e9
            what = "20 columns, 10 EMAs" if recursive else "20 columns"
            sys.stdout.write(f"{what}: {rows:,} rows, {size:.2f} GB of Parquet\n")
            ways: list[tuple[str, Callable[..., None]]] = [("retrain score", _ours)]
            if not recursive:
                ways.append(("bare NumPy loop", _bare))
            for title, way in ways:
                seconds, peak = _apart(way, folder, model)
                speed = rows / seconds
                line = f"  {title:<16} {speed:>12,.0f} rows/s   peak {peak:7.0f} MB\n"
                sys.stdout.write(line)
            _same(folder) if not recursive else None


def _register(folder: Path) -> None:
    random = np.random.default_rng(0)
    names = [f"c{at}" for at in range(COLUMNS)]
    frame = pd.DataFrame(random.lognormal(size=(4000, COLUMNS)), columns=names)
    frame["y"] = (random.random(4000) > 0.5).astype(float)
    plain = {"type": "columns", "columns": names}
    averages = [{"type": "ema", "column": name} for name in names[:10]]
    for name, features in (("plain", [plain]), ("recursive", [plain, *averages])):
        config = parse_config(
            {
                "name": name,
                "data": {
                    "source": {"type": "dataframe"},
                    "features": features,
                    "target": {"type": "column", "column": "y", "task": "binary"},
                },
                "model": {"type": "mlp", "hidden": [32]},
                "training": {"epochs": 1},
            }
        )
        manager = DataManager(config.data, frame=frame)
        TrainingEngine().finish(TrainingRun(config, folder / "storage", manager=manager))


def _write(path: Path, gigabytes: float) -> int:
    """Numbers that do not compress."""
    random = np.random.default_rng(1)
    groups = max(1, round(gigabytes * 1e9 / (GROUP * COLUMNS * 8)))
    schema = pa.schema([(f"c{at}", pa.float64()) for at in range(COLUMNS)])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for _ in range(groups):
            values = random.lognormal(size=(COLUMNS, GROUP))
            writer.write_table(pa.table(list(values), schema=schema))
    return groups * GROUP


def _apart(way: Callable[..., None], folder: Path, model: str) -> tuple[float, float]:
    """Seconds and peak memory in MB, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    process = context.Process(target=_measured, args=(way, folder, model, told))
    process.start()
    process.join()
    seconds, peak = told.get()
    return float(seconds), float(peak)


def _measured(way: Callable[..., None], folder: Path, model: str, told: Any) -> None:  # noqa: ANN401 - a queue
    began = time.perf_counter()
    way(folder, model)
    seconds = time.perf_counter() - began
    told.put((seconds, _peak()))


def _peak() -> float:
    """MB; `getrusage` would count what the process that started this one had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return float(line.split()[1]) / 1024


def _ours(folder: Path, model: str) -> None:
    registry = ModelRegistry(ArtifactStore(folder / "storage"))
    score(registry, model, str(folder / "rows.parquet"), folder / "ours.parquet")


def _bare(folder: Path, model: str) -> None:
    loaded = load_model(ModelRegistry(ArtifactStore(folder / "storage")), model)
    state = loaded.model.state_dict()["weights"]
    layers = _layers(state)
    center, scale = loaded.pipeline.scaler.center, loaded.pipeline.scaler.scale
    schema = pa.schema([("prediction", pa.float32())])
    with pq.ParquetWriter(folder / "bare.parquet", schema) as writer:
        file = pq.ParquetFile(folder / "rows.parquet", pre_buffer=False)
        for batch in file.iter_batches(BATCH):
            x = np.column_stack([column.to_numpy() for column in batch.columns])
            x = ((x - center) / scale).astype("float32")
            for weight, bias in layers[:-1]:
                x = np.maximum(x @ weight + bias, 0)
            weight, bias = layers[-1]
            out = 1 / (1 + np.exp(-(x @ weight + bias)))
            writer.write_table(pa.table([out.reshape(-1)], schema=schema))


def _layers(state: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - arrays by name
    """Weight and bias of each layer, in order."""
    flat = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    weights = [value for _, value in sorted(flat.items()) if value.ndim == 2]
    biases = [value for _, value in sorted(flat.items()) if value.ndim == 1]
    return list(zip(weights, biases, strict=True))


def _same(folder: Path) -> None:
    ours = pq.read_table(folder / "ours.parquet", columns=["prediction"])["prediction"].to_numpy()
    bare = pq.read_table(folder / "bare.parquet")["prediction"].to_numpy()
    far = float(np.abs(ours - bare).max())
    sys.stdout.write(f"  largest difference between the two: {far:.2g}\n")


if __name__ == "__main__":
    main()
