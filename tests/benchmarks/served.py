"""What rows need that measure flows: a server of their own, a clock, the bare side in Prefect."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from flows.settings import prepare
from flows.temporary_server import temporary_server
from tests.benchmarks.harness import elsewhere
from training.callbacks import CallbackBase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.callbacks import BatchRecord, EpochRecord


@contextmanager
def own_server() -> Iterator[Path]:
    """A Prefect server on the other cores, with a home of its own; the folder is for what is made.

    Prefect reads its settings once, so it must not have been imported before.
    """
    with tempfile.TemporaryDirectory() as name:
        os.environ["PREFECT_HOME"] = f"{name}/prefect"
        prepare()
        with elsewhere():
            started = temporary_server(lambda _seconds: None)
            url = started.__enter__()
        try:
            os.environ["PREFECT_API_URL"] = url
            folder = Path(name, "made")
            folder.mkdir()
            yield folder
        finally:
            started.__exit__(None, None, None)
            os.environ.pop("PREFECT_API_URL", None)


def settled() -> None:
    """Wait until the server has written down all tasks that it was told of.

    One that is still at the thousands of the turn before answers the next one with 503.
    """
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=60)
    known = [-1, -2]
    while known[-1] != known[-2]:
        sleep(3)
        with suppress(HTTPError, TimeoutError):  # it is busy
            known.append(_task_runs())


def _task_runs() -> int:
    """How many the server knows."""
    url = f"{os.environ['PREFECT_API_URL']}/task_runs/count"
    asked = Request(url, b"{}", {"Content-Type": "application/json"})
    with urlopen(asked, timeout=30) as answer:
        return int(answer.read())


class Clock(CallbackBase):
    """When each epoch began, when its last batch was done, and how long its batches took."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.began: list[float] = []
        self.ended: list[float] = []
        self.batches: list[float] = []
        self._since = 0.0

    def identity(self) -> None:
        """It only listens."""

    def on_epoch_begin(self, record: EpochRecord) -> None:
        """An epoch begins."""
        self.began.append(perf_counter())
        self.batches.append(0.0)

    def on_batch_begin(self, record: BatchRecord) -> None:
        """A batch begins."""
        self._since = perf_counter()

    def on_batch_end(self, record: BatchRecord) -> None:
        """A batch ends."""
        self.batches[-1] += perf_counter() - self._since

    def on_epoch_end(self, record: EpochRecord) -> None:
        """The loop stands still from here to the next epoch."""
        self.ended.append(perf_counter())

    def beside_batches(self) -> list[float]:
        """Seconds of each epoch less its batches; the last one has no successor to end it."""
        pairs = zip(self.began, self.began[1:], self.batches, strict=False)
        return [after - before - batches for before, after, batches in pairs]

    def pauses(self) -> list[float]:
        """Seconds between an epoch's end and the next one's begin."""
        return [after - end for end, after in zip(self.ended, self.began[1:], strict=False)]


def durable_write(folder: Path, data: bytes, name: str) -> None:
    """Write, fsync, rename, fsync of the directory."""
    fresh = folder / f"{name}.new"
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.fsync(file)
    os.close(file)
    fresh.rename(folder / name)
    directory = os.open(folder, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def empty_flow(folder: Path, times: int, data: bytes | None) -> list[float]:
    """Seconds of each round of two empty tasks with persisted results, and a durable write."""
    from prefect import flow, task

    @task(persist_result=True)
    def first(number: int) -> int:
        return number

    @task(persist_result=True)
    def second(number: int) -> int:
        return number

    seconds: list[float] = []

    @flow
    def empty() -> None:
        for number in range(times):
            began = perf_counter()
            second(first(number))
            if data is not None:
                durable_write(folder, data, f"bare-{number}")
            seconds.append(perf_counter() - began)

    empty()
    for file in folder.glob("bare-*"):
        file.unlink()
    return seconds


def config_of(hidden: tuple[int, ...], epochs: int, **sections: Any) -> dict[str, Any]:  # noqa: ANN401 - sections of a configuration
    """Of a perceptron on a table that is handed over."""
    return {
        "data": {
            "source": {"type": "dataframe"},
            "features": [{"type": "columns"}],
            "target": {"type": "column", "column": "y"},
            "split": {"validation": 0.0, "test": 0.0},
        },
        "model": {"type": "mlp", "hidden": list(hidden)},
        "training": {"epochs": epochs, "batch_size": 32},
        **sections,
    }
