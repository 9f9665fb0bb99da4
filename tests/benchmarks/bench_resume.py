"""How long a resume takes: from `retrain run` to the first new batch, with a checkpoint of 100 MB.

Beside it, in turn, an empty Prefect flow with one task, from the start of its process to its end.
Both use the same running server. Run it by itself: `python tests/benchmarks/bench_resume.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from flows.settings import prepare
from flows.temporary_server import temporary_server

ROUNDS = 7
CONFIG = """
name: large
data:
  source: {type: sample, end: 2003-01-01}
model: {type: mlp, hidden: [2900, 2900]}
training: {epochs: 50, batch_size: 256, optimizer: {type: adam}}
callbacks: [{type: "dying:Die"}]
evaluation: {}
"""
DYING = """
import os, time
from pathlib import Path
from training.callbacks import CallbackBase

class Die(CallbackBase):
    # Dies in the first batch of an attempt that went on, and after the first epoch of the first.
    first = None
    def identity(self):
        return None
    def on_train_begin(self, record):
        self.first = not record.resumed
    def on_batch_begin(self, record):
        if not self.first or record.epoch == 2:
            Path("reached").write_text(str(time.time()))
            os.kill(os.getpid(), 9)
"""
EMPTY = """
from prefect import flow, task

@task
def nothing():
    return 1

@flow
def empty():
    nothing()

empty()
"""


def resume(folder: Path) -> float:
    """Seconds from the command to the first new batch, in which the process dies."""
    retrain = Path(sys.executable).parent / "retrain"
    began = time.time()
    subprocess.run([retrain, "run", "config.yaml"], cwd=folder, capture_output=True, check=False)
    return float((folder / "reached").read_text()) - began


def empty(folder: Path) -> float:
    """Seconds that an empty flow takes."""
    began = time.time()
    subprocess.run([sys.executable, "empty.py"], cwd=folder, capture_output=True, check=True)
    return time.time() - began


def main(folder: Path) -> None:
    """Print the table."""
    for name, text in (("config.yaml", CONFIG), ("dying.py", DYING), ("empty.py", EMPTY)):
        (folder / name).write_text(text)
    resume(folder)  # the first attempt: a new run, which dies after its first epoch
    size = max(path.stat().st_size for path in folder.rglob("state.safetensors"))
    seconds = np.array([(empty(folder), resume(folder)) for _ in range(ROUNDS + 1)])[1:]
    above = seconds[:, 1] - seconds[:, 0]
    print(f"checkpoint of {size / 1e6:.0f} MB, {ROUNDS} rounds; seconds, median (lowest, highest)")
    rows = {"empty flow": seconds[:, 0], "to the first new batch": seconds[:, 1], "above": above}
    for name, values in rows.items():
        low, high = values.min(), values.max()
        print(f"{name:24} {np.median(values):6.2f}  ({low:.2f}, {high:.2f})")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["PREFECT_HOME"] = str(Path(home) / "prefect")
        prepare()
        with temporary_server(lambda _seconds: None) as url:
            os.environ["PREFECT_API_URL"] = url
            main(Path(home))
