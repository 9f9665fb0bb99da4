"""What docs/benchmarks.md says that a run costs, counted in real runs.

Two runs differ in nothing but their epochs: what the longer one has more is what epochs cost. What
the UI is shown every few seconds is left out: that follows the clock, and not the epochs.
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

pytestmark = [pytest.mark.server, pytest.mark.slow]

TABLES = ("flow_run", "flow_run_state", "task_run", "task_run_state", "events", "artifact")
SHORT, LONG = 4, 12
_READINGS = 10
PER_EPOCH = {"task_run": 2, "task_run_state": 6, "events": 6}
"""Rows; every other table has as many after a long run as after a short one."""
PER_RUN = {"flow_run": 1, "flow_run_state": 3, "task_run": 4, "task_run_state": 12, "artifact": 6}
CALLS_PER_RUN = 25
"""At most; none of them is an epoch's."""
FILES_PER_EPOCH = 2
"""Results of tasks. Checkpoints are thinned out, and rows of the history are in them."""
BYTES_PER_EPOCH = 2500
"""At most, of results, history and the two reports, beside the checkpoints that are kept."""


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
    """Of each table, when nothing has come for ten seconds: events are recorded behind."""
    before: dict[str, int] = {}
    same = 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with closing(sqlite3.connect(home / "prefect.db")) as base:
            now = {name: base.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
                   for name in TABLES}  # fmt: skip
        same = same + 1 if now == before else 0
        if same == _READINGS:
            return now
        before = now
        time.sleep(1)
    raise TimeoutError(f"the server still records: {before}")


@pytest.fixture
def cost(
    server: str,
    prefect_home: Path,
    tmp_path: Path,
    table: pd.DataFrame,
    requests: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[int], dict[str, int]]:
    """Rows, calls and files of a run of so many epochs."""
    known = rows_of(prefect_home)

    def of(epochs: int) -> dict[str, int]:
        import flows.artifacts
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
        monkeypatch.setattr(flows.artifacts, "SECONDS_BETWEEN", 3600.0)
        storage = tmp_path / str(epochs)
        run = TrainingRun(config, storage, manager=DataManager(config.data, frame=table))
        nonlocal known
        before = known
        requests.clear()
        token = PREPARED.set(run)
        try:
            train(config, storage=str(storage))
        finally:
            PREPARED.reset(token)
            deliver()
        calls, known = requests.total(), rows_of(prefect_home)
        sizes = [path.stat().st_size for path in storage.rglob("*") if path.is_file()]
        more = {name: known[name] - before[name] for name in TABLES}
        return {**more, "calls": calls, "files": len(sizes), "bytes": sum(sizes)}

    return of


def test_an_epoch_and_a_run_cost_what_is_written(cost: Callable[[int], dict[str, int]]) -> None:
    cost(1)  # the first run of a server makes what later ones find
    short, long = cost(SHORT), cost(LONG)
    more = LONG - SHORT
    names = (*TABLES, "files")
    per_epoch = PER_EPOCH | {"files": FILES_PER_EPOCH}
    expected = {name: per_epoch.get(name, 0) * more for name in names}
    assert {name: long[name] - short[name] for name in names} == expected
    assert {name: long[name] - PER_EPOCH.get(name, 0) * LONG for name in PER_RUN} == PER_RUN
    assert max(short["calls"], long["calls"]) <= CALLS_PER_RUN
    assert 0 < long["bytes"] - short["bytes"] <= BYTES_PER_EPOCH * more
