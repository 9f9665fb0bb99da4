"""A process that has everything imported and forks a child for each training that it is asked for.

Importing takes a second and a fork a millisecond, so that hundreds of real processes can be killed
at an exact place. A job is a line of JSON on standard input, what became of it one on standard
output::

    via       "engine": plain Python; "flow": the Prefect flow, on the server of PREFECT_API_URL;
              "retrain", "retrain-flow": a retraining instead, in the one way or the other;
              "pipeline": the larger pipeline, as a flow
    config    the whole configuration, as in YAML
    storage   where to
    fault     what befalls the child (`Fault`); null: nothing
    seconds   SIGKILL comes from outside after so many; null: never
    as_of     the moment of a retraining

Nothing of the training is replaced: what a fault names is called as it is, before or after.
"""

from __future__ import annotations

import importlib
import json
import mmap
import os
import select
import signal
import sys
import traceback
from functools import wraps
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypedDict

import fsspec
import pandas as pd
import pyarrow.pandas_compat

from training.artifacts import disk, fs
from training.callbacks import EarlyStoppingCallback
from training.config.load import parse_config, parse_pipeline
from training.engine import TrainingEngine
from training.models import ModelFactory
from training.retraining import Retraining, parse_moment, retrain

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.models import Model


IMPORTED = (fsspec, pd, pyarrow.pandas_compat, disk)
"""What a training imports where it is used: here once, before all forks."""


class Fault(TypedDict):
    """SIGKILL, or an exception, at the n-th call of one function.

    `at` is `module:name`, `step`: the model learns from a batch, or `operation`: any call to the
    file system.
    """

    at: str
    when: str
    nth: int
    how: str


class Job(TypedDict, total=False):
    """One training in one process."""

    via: str
    config: dict[str, Any]
    storage: str
    fault: Fault | None
    seconds: float | None
    as_of: str


class Watch:
    """Counts steps and calls to the file system, in memory that outlives the child."""

    def __init__(self) -> None:
        self._memory = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")

    def install(self, fault: Fault | None) -> None:
        """Count from now on, and strike where the fault says."""
        for name, value in vars(fs).items():
            if getattr(value, "__module__", "") == fs.__name__ and name[0] != "_":
                self._wrap(fs, name, slot=1)
        self._watch_models(fault)
        if fault is not None and fault["at"] not in {"operation", "step"}:
            module, _, path = fault["at"].partition(":")
            *owners, name = path.split(".")
            owner = importlib.import_module(module)
            for part in owners:
                owner = getattr(owner, part)
            self._wrap(owner, name, slot=2, fault=fault)
        self._operation = fault if fault is not None and fault["at"] == "operation" else None

    def _watch_models(self, fault: Fault | None) -> None:
        """Each model as it leaves the factory: an adapter tries a model of its own before that."""
        make = ModelFactory.get_model
        struck = fault if fault is not None and fault["at"] == "step" else None

        @wraps(make)
        def made(*args: Any, **kwargs: Any) -> Model:  # noqa: ANN401 - whatever it takes
            model = make(*args, **kwargs)
            self._wrap(model, "train_on_batch", slot=0)
            if struck is not None:
                self._wrap(model, "train_on_batch", slot=2, fault=struck)
            return model

        setattr(ModelFactory, "get_model", made)  # noqa: B010 - a method is no variable for mypy

    def counts(self) -> dict[str, int]:
        """Steps that were done, calls to the file system that were begun."""
        return {"steps": self._memory[0], "operations": self._memory[1]}

    def _wrap(self, owner: Any, name: str, slot: int, fault: Fault | None = None) -> None:  # noqa: ANN401 - a module or a class
        original = getattr(owner, name)
        counts_after = slot == 0

        @wraps(original)
        def watched(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
            self._memory[slot] += not counts_after
            mine = fault or (self._operation if slot == 1 else None)
            struck = mine is not None and self._memory[slot] == mine["nth"]
            if struck and mine is not None and mine["when"] == "before":
                _strike(mine)
            result = original(*args, **kwargs)
            self._memory[slot] += counts_after
            if struck and mine is not None and mine["when"] == "after":
                _strike(mine)
            return result

        setattr(owner, name, watched)


def _strike(fault: Fault) -> None:
    if fault["how"] == "raise":
        raise OSError("on purpose")
    os.kill(os.getpid(), signal.SIGKILL)


def _train(job: Job) -> dict[str, Any]:
    config = job["config"]
    if job["via"] == "retrain":
        work = Retraining(parse_config(config), job["storage"], as_of=parse_moment(job["as_of"]))
        return retrain(work)
    if job["via"] == "retrain-flow":
        from flows.retrain import retrain as retraining_flow

        done: dict[str, Any] = retraining_flow(
            parse_config(config), storage=job["storage"], as_of=job["as_of"]
        )
        return done
    if job["via"] == "pipeline":
        from flows.pipeline import pipeline

        slot: dict[str, Any] = pipeline(parse_pipeline(config), job["storage"], job["as_of"])
        return slot
    if job["via"] == "flow":
        from flows.train import train

        shown: dict[str, Any] = train(parse_config(config), storage=job["storage"])
        return shown
    engine = TrainingEngine(job["storage"], name=config["name"], checkpoints=config["checkpoints"])
    stopping = [
        EarlyStoppingCallback(**{key: value for key, value in given.items() if key != "type"})
        for given in config["callbacks"]
    ]
    result = engine.train(config["model"], config["data"], config["training"], callbacks=stopping)
    return result.to_json()


def _child(job: Job, watch: Watch, pipe: int) -> None:
    """Never returns, and runs nothing of what the parent would run at its exit."""
    try:
        watch.install(job["fault"])
        answer: dict[str, Any] = {"result": _train(job), "error": None}
    except BaseException:  # noqa: BLE001 - told to the test, whatever it is
        answer = {"result": None, "error": traceback.format_exc()}
    with os.fdopen(pipe, "w") as out:
        json.dump(answer, out)
    os._exit(0)


def _run(job: Job) -> dict[str, Any]:
    watch = Watch()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(job, watch, writing)
    os.close(writing)
    if job["seconds"] is not None and not select.select([reading], [], [], job["seconds"])[0]:
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(reading) as answer:
        text = answer.read()
    _, status = os.waitpid(pid, 0)
    told = json.loads(text) if text else {"result": None, "error": None}
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return {**told, "signal": killed, **watch.counts()}


def _serve(answer: Callable[[str], Any]) -> None:
    for line in sys.stdin:
        answer(json.dumps(_run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if find_spec("sklearn") is not None:
        importlib.import_module("training.models.scikit")
    if "PREFECT_API_URL" in os.environ:
        for name in (
            "fastapi",
            "prefect.flow_engine",
            "prefect.task_engine",
            "flows.train",
            "flows.retrain",
            "flows.pipeline",
            "sqlite3",
            "psycopg",
        ):
            importlib.import_module(name)
    _serve(sys.stdout.write)
