"""What docs/benchmarks.md says that a run costs, counted in real runs.

Two runs differ in nothing but their epochs: what the longer one has more is what epochs cost.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest

from training.config.load import parse_config
from training.data import DataManager

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

pytestmark = pytest.mark.server

TABLES = ("flow_run", "flow_run_state", "task_run", "task_run_state", "events", "artifact")
SHORT, LONG = 4, 12
PER_EPOCH = {"task_run": 2, "task_run_state": 6, "events": 6}
"""Rows; every other table has as many after a long run as after a short one."""
FILES_PER_EPOCH = 2
"""Results of tasks. Checkpoints are thinned out, and rows of the history are in them."""


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each address of the server was asked, log lines (which come in bundles) aside."""
    asked: Counter[str] = Counter()
    send = httpx.Client.send

    def counted(client: httpx.Client, request: httpx.Request, **options: object) -> httpx.Response:
        if "/logs" not in request.url.path:
            asked[f"{request.method} {request.url.path}"] += 1
        return send(client, request, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(httpx.Client, "send", counted)
    return asked


def rows_of(home: Path) -> dict[str, int]:
    """Of each table, when nothing has come for two seconds: events are recorded behind."""
    before: dict[str, int] = {}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with closing(sqlite3.connect(home / "prefect.db")) as base:
            now = {name: base.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
                   for name in TABLES}  # fmt: skip
        if now == before:
            return now
        before = now
        time.sleep(2)
    raise TimeoutError(f"the server still records: {before}")


@pytest.fixture
def cost(
    server: str, prefect_home: Path, tmp_path: Path, table: pd.DataFrame, requests: Counter[str]
) -> Callable[[int], dict[str, int]]:
    """Rows, calls and files of a run of so many epochs."""

    def of(epochs: int) -> dict[str, int]:
        from flows.train import PREPARED, deliver, train
        from training.run import TrainingRun

        data = {
            "source": {"type": "dataframe"},
            "features": [{"type": "columns"}],
            "target": {"type": "column", "column": "y"},
        }
        config = parse_config(
            {"name": f"cost-{epochs}", "data": data, "training": {"epochs": epochs}}
        )
        storage = tmp_path / str(epochs)
        run = TrainingRun(config, storage, manager=DataManager(config.data, frame=table))
        before = rows_of(prefect_home)
        requests.clear()
        token = PREPARED.set(run)
        try:
            train(config, storage=str(storage))
        finally:
            PREPARED.reset(token)
            deliver()
        calls, after = requests.total(), rows_of(prefect_home)
        files = sum(path.is_file() for path in storage.rglob("*"))
        more = {name: after[name] - before[name] for name in TABLES}
        return {**more, "calls": calls, "files": files}

    return of


def test_an_epoch_costs_what_is_written(cost: Callable[[int], dict[str, int]]) -> None:
    short, long = cost(SHORT), cost(LONG)
    more = LONG - SHORT
    expected = {name: PER_EPOCH.get(name, 0) * more for name in TABLES}
    found = {name: long[name] - short[name] for name in (*TABLES, "calls", "files")}
    assert found == {**expected, "calls": 0, "files": FILES_PER_EPOCH * more}
