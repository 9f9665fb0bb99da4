"""A flow run of a training whose epochs are all done but which is not registered, tried again.

Run it with `python -m tests.benchmarks.bench_retry`. The flow finds a thousand epochs finished:
two cached tasks each. Beside it stands an empty flow with as many cached empty tasks, whose results
Prefect keeps in its own way.
"""

from __future__ import annotations

import logging
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from tests.benchmarks.harness import Aim, Row, in_turn, main
from tests.benchmarks.served import config_of, own_server, settled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EPOCHS = 1000


def again(folder: Path) -> float:
    """Seconds of a flow run that has to do nothing but evaluate and register."""
    import numpy as np
    import pandas as pd

    from flows.train import PREPARED, deliver
    from flows.train import train as flow
    from training.config.load import parse_config
    from training.data import DataManager
    from training.run import TrainingRun

    config = parse_config(config_of((8,), EPOCHS))
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(32, 4)), columns=list("abcy"))
    run = TrainingRun(config, folder / "storage", manager=DataManager(config.data, frame=frame))
    run.load_data()
    run.store.remove(f"{run.record.folder}/outcome.json")  # as if it had died right before
    settled()
    token = PREPARED.set(run)
    began = perf_counter()
    flow(config, storage=str(folder / "storage"))
    seconds = perf_counter() - began
    PREPARED.reset(token)
    deliver()
    return seconds


def cached(times: int) -> float:
    """Seconds of an empty flow with so many cached empty tasks."""
    from prefect import flow, task
    from prefect.cache_policies import CacheKeyFnPolicy

    by_number = CacheKeyFnPolicy(cache_key_fn=lambda _, given: f"bench/{given['number']}")

    @task(persist_result=True, cache_policy=by_number)
    def nothing(number: int) -> int:
        return number

    @flow
    def empty() -> None:
        for number in range(times):
            nothing(number)

    settled()
    began = perf_counter()
    empty()
    return perf_counter() - began


def rows() -> Iterator[Row]:
    """One."""
    logging.getLogger("training").setLevel(logging.WARNING)
    with own_server() as folder:
        yield Row(
            f"a flow run with {EPOCHS} finished epochs tried again",
            f"an empty flow with {2 * EPOCHS} cached empty tasks",
            Aim("times", 1.2, "s"),
            in_turn(partial(cached, 2 * EPOCHS), partial(again, folder)),
            rounds=3,
        )


if __name__ == "__main__":
    main(rows)
