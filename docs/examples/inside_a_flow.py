"""The training as one stage of a larger Prefect flow: three lines of it are ours.

Run it with `python docs/examples/inside_a_flow.py`; without a Prefect server a temporary one is
started by Prefect.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from prefect import flow, task

from flows.train import train
from training.config.load import parse_config


@task
def extract(folder: str) -> str:
    """Stands for your own ETL: leaves a table of prices where the training finds it."""
    steps = np.random.default_rng(1).normal(0.0003, 0.01, size=600)
    dates = pd.date_range("2021-01-04", periods=600, freq="B")
    path = Path(folder) / "prices.parquet"
    pd.DataFrame({"date": dates, "close": 100 * np.exp(np.cumsum(steps))}).to_parquet(path)
    return str(path)


@flow
def pipeline(folder: str) -> str:
    """Extract, then train."""
    path = extract(folder)
    source = {"type": "parquet", "path": path}
    config = parse_config({"name": "stage", "data": {"source": source}, "training": {"epochs": 3}})
    result = train(config, storage=f"{folder}/artifacts")
    return f"{result['model']['name']}:{result['model']['version']}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        print("registered", pipeline(work))
