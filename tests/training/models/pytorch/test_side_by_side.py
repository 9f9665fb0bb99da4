"""Two processes train one model, over gloo on the CPU, as torchrun would start them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from training import DataConfig, DataManager, TrainingEngine

pytest.importorskip("torch", reason="PyTorch is an extra")

ROOT = Path(__file__).parents[4]
SCRIPT = """
import json, os, signal, sys
import numpy as np, pandas as pd, torch
from training import DataConfig, DataManager, TrainingEngine
from training.callbacks import CallbackBase
from training.errors import TrainingError

torch.set_num_threads(1)
storage, model, training, interrupt_at = sys.argv[1], *map(json.loads, sys.argv[2:5])

class Interrupt(CallbackBase):
    def identity(self):
        return None
    def on_batch_end(self, record):
        if record.step == interrupt_at:
            record.control.interrupt(signal.SIGINT)

random = np.random.default_rng(0)
table = pd.DataFrame(random.normal(size=(300, 4)), columns=list("abcd"))
table["y"] = table["a"] - 2 * table["b"]
data = DataConfig(source={"type": "dataframe"}, features=[{"type": "columns"}],
                  target={"type": "column", "column": "y"})
engine = TrainingEngine(storage)
try:
    result = engine.train(model, DataManager(data, frame=table), training,
                          callbacks=[Interrupt()])
    print(json.dumps({"digest": result.model["digest"], "metrics": result.metrics,
                      "resumed_from": result.resumed_from, "status": result.status}))
except KeyboardInterrupt:
    print(json.dumps({"status": "interrupted"}))
except TrainingError as error:
    print(json.dumps({"status": str(error)}))
"""
DATA: dict[str, Any] = {
    "source": {"type": "dataframe"},
    "features": [{"type": "columns"}],
    "target": {"type": "column", "column": "y"},
}
NETWORK = {"type": "mlp", "hidden": [8], "dropout": 0.25}
TRAINING: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 33,
    "seed": 1,
    "schedule": {"type": "plateau"},
}


def launch(
    storage: Path, model: dict[str, Any], size: int = 2, interrupt_at: int = 0
) -> list[dict[str, Any]]:
    """What each process printed, by rank."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = {"type": "torch", "device": "cpu", "network": NETWORK, **model}
    arguments = [str(storage), json.dumps(model), json.dumps(TRAINING), str(interrupt_at)]
    processes = []
    for rank in range(size):
        launched = {
            "RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", SCRIPT, *arguments],
                cwd=ROOT,
                env={**os.environ, **launched},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    printed = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        printed.append(json.loads(out.splitlines()[-1]))
    return printed


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    """But for rounding, since each sums its own rows first; batches of 33 are shared unevenly."""
    model = {"network": {"type": "mlp", "hidden": [8]}}
    data = DataConfig(**DATA)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 4)), columns=list("abcd"))
    frame["y"] = frame["a"] - 2 * frame["b"]
    alone = TrainingEngine(tmp_path / "alone").train(
        {"type": "torch", "device": "cpu", **model}, DataManager(data, frame=frame), TRAINING
    )
    both = launch(tmp_path / "both", model)
    assert both[0] == both[1]
    assert both[0]["status"] == "completed"
    assert both[0]["metrics"] == pytest.approx(alone.metrics, rel=1e-4)


@pytest.mark.long
@pytest.mark.parametrize(
    "model",
    [{}, {"ema_decay": 0.9, "accumulate": 2, "precision": "bf16"}],
    ids=["dropout", "average"],
)
def test_interrupted_together_they_go_on_together(model: dict[str, Any], tmp_path: Path) -> None:
    """In the middle of an epoch; each process draws on with its own random numbers."""
    whole = launch(tmp_path / "whole", model)
    stopped = launch(tmp_path / "cut", model, interrupt_at=9)
    assert stopped[0] == {"status": "interrupted"}
    assert "rank 0 ended without a result" in stopped[1]["status"]
    again = launch(tmp_path / "cut", model)
    assert again[0]["resumed_from"] == {"epoch": 1, "batch": 2}
    assert again[0]["digest"] == whole[0]["digest"]
    assert again[0]["metrics"] == whole[0]["metrics"]
    finished = launch(tmp_path / "cut", model)
    assert [one["status"] for one in finished] == ["already-complete"] * 2
