"""Retrainings that are killed anywhere and started again: one version, one promotion, one event."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.artifacts import ArtifactStore
from training.registry import ModelRegistry
from training.registry.promotion import DecisionLog
from training.retraining import ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from training.registry import ModelVersion

    Do = Callable[..., dict[str, Any]]

FIRST, SECOND = "2020-12-31", "2021-01-29"
SEED = 7
EVENTS = ("model.registered", "model.promoted", "training.stopped-early")


def _children(via: str, *modules: str) -> Iterator[Do]:
    """Do retrainings in forked children of one process, with a fault or without."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if via == "retrain":
        environment.pop("PREFECT_API_URL", None)
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crashing.py")), *modules],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def do(config: dict[str, Any], storage: Path, as_of: str, nth: int | None = None) -> Any:  # noqa: ANN401 - what the child told
        assert process.stdin is not None
        assert process.stdout is not None
        fault = nth and {"at": "operation", "when": "before", "nth": nth, "how": "kill"}
        job = {"config": config, "storage": str(storage), "as_of": as_of, "fault": fault}
        process.stdin.write(json.dumps({**job, "via": via, "seconds": None}) + "\n")
        process.stdin.flush()
        told = json.loads(process.stdout.readline())
        assert told["error"] is None, told["error"]
        return told

    with process:
        yield do
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def plain() -> Iterator[Do]:
    """Retrainings in plain Python."""
    yield from _children("retrain")


@pytest.fixture(scope="module")
def flow(server: str) -> Iterator[Do]:
    """Retrainings as Prefect flows on a real server."""
    yield from _children("retrain-flow")


@pytest.fixture
def agents(server: str) -> Iterator[Do]:
    """The same, with what agents need imported once, before all of them."""
    pytest.importorskip("stable_baselines3", reason="stable-baselines3 is an extra")
    yield from _children("retrain-flow", "training.models.agents.agent", "stable_baselines3")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A perceptron on invented prices that stops early; every new model is promoted."""
    random_ = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(random_.normal(0.0005, 0.01, 300)))
    path = tmp_path_factory.mktemp("data") / "prices.csv"
    frame = pd.DataFrame({"date": pd.bdate_range("2020-01-01", periods=300), "close": close})
    frame.to_csv(path, index=False)
    return {
        "name": "m",
        "data": {
            "source": {"type": "csv", "path": str(path)},
            "features": [{"type": "returns", "column": "close", "lags": 3}],
            "target": {"type": "direction", "column": "close", "horizon": 1},
        },
        "model": {"type": "mlp", "hidden": [4]},
        "training": {"epochs": 3, "batch_size": 64},
        "callbacks": [{"type": "early_stopping", "monitor": "val_loss", "patience": 1}],
        "promotion": {"rules": []},
    }


def _kill_anywhere(do: Do, config: dict[str, Any], folder: Path, cases: int) -> list[str]:
    """Kill the second of two retrainings at seeded calls to the file system, then repeat it.

    Returns:
        The names of the models, one a case.
    """
    names = [f"{config['name']}{case}" for case in range(cases)]
    undisturbed = folder / "undisturbed"
    do(config, undisturbed, FIRST)
    whole = do(config, undisturbed, SECOND)
    versions = ModelRegistry(ArtifactStore(undisturbed)).numbers(config["name"])
    chosen = random.Random(SEED)  # noqa: S311 - picks places, keeps no secret
    for case, name in enumerate(names):
        storage, own = folder / str(case), config | {"name": name}
        do(own, storage, FIRST)
        nth = chosen.randrange(1, whole["operations"] + 1)
        assert do(own, storage, SECOND, nth)["signal"] == signal.SIGKILL
        done = do(own, storage, SECOND)
        _require_one_promotion(storage, name, done["result"], whole["result"], (nth, versions))
        if case % 10 == 9:
            shutil.rmtree(storage)
    return names


def _require_one_promotion(
    storage: Path,
    name: str,
    result: dict[str, Any],
    whole: dict[str, Any],
    where: tuple[int, list[int]],
) -> None:
    nth, (first, second) = where
    registry = ModelRegistry(ArtifactStore(storage))
    assert registry.numbers(name) == [first, second], nth
    assert registry.get(f"{name}:{second}").digest == whole["model"]["digest"], nth
    moves = registry.alias_history(name, "champion")
    assert [move.to for move in moves] == [str(second), str(first)], nth
    assert len(DecisionLog(registry, registry.get(f"{name}:{second}"))) == 1, nth
    assert [line["status"] for line in ledger(registry.store, name)][:2] == ["promoted"] * 2, nth
    assert result["status"] in {"promoted", "skipped"}, nth


def test_killed_anywhere_and_repeated_it_promotes_once(
    plain: Do, config: dict[str, Any], tmp_path: Path
) -> None:
    """In plain Python, at a few of the calls to the file system."""
    _kill_anywhere(plain, config, tmp_path, 12)


@pytest.mark.slow
def test_several_seeds_leave_one_version_and_its_events(
    flow: Do, config: dict[str, Any], tmp_path: Path
) -> None:
    """Killed anywhere between them; nobody hears of those that were not chosen."""
    seeds = {"name": "seeds", "retraining": {"seeds": 2}, "callbacks": []}
    names = _kill_anywhere(flow, config | seeds, tmp_path, 2)
    registry = ModelRegistry(ArtifactStore(tmp_path / "0"))
    _require_one_event_each(names, registry.numbers(names[0]), EVENTS[:2])


def test_an_agent_is_retrained_as_a_flow_and_promoted_once(
    agents: Do, config: dict[str, Any], tmp_path: Path
) -> None:
    """Killed somewhere in its second night, which goes on from the champion's weights."""
    agent = {
        "name": "agent",
        "model": {"type": "ppo", "steps_per_epoch": 64, "n_steps": 32},
        "training": {"epochs": 2},
        "callbacks": [],
        "retraining": {"start": "champion"},
    }
    names = _kill_anywhere(agents, config | agent, tmp_path, 1)
    log = DecisionLog(ModelRegistry(ArtifactStore(tmp_path / "0")), _second(tmp_path, names[0]))
    decision = log.last()
    assert decision is not None
    for who in ("challenger", "champion"):
        assert {"test_reward", "test_backtest_sharpe"} <= set(decision.metrics[who])
    assert "buy_and_hold_sharpe" in decision.baselines


def _second(folder: Path, name: str) -> ModelVersion:
    return ModelRegistry(ArtifactStore(folder / "0")).get(f"{name}:2")


@pytest.mark.long
def test_killed_at_hundred_places_it_promotes_once(
    plain: Do, config: dict[str, Any], tmp_path: Path
) -> None:
    """The same at many more."""
    _kill_anywhere(plain, config, tmp_path, 100)


@pytest.mark.slow
def test_as_a_flow_it_leaves_one_event_of_each_kind_too(
    flow: Do, config: dict[str, Any], tmp_path: Path
) -> None:
    """In the server's own database."""
    names = _kill_anywhere(flow, config | {"name": "few"}, tmp_path, 2)
    _require_one_event_each(names)


@pytest.mark.long
def test_as_a_flow_killed_at_fifty_places(flow: Do, config: dict[str, Any], tmp_path: Path) -> None:
    """The same at many more."""
    names = _kill_anywhere(flow, config | {"name": "many"}, tmp_path, 50)
    _require_one_event_each(names)


def _require_one_event_each(
    names: list[str], versions: Iterable[int] = (1, 2), events: Iterable[str] = EVENTS
) -> None:
    """For both versions of each model; the server writes its events every few seconds."""
    expected = {
        (name, event, f"{name}:{version}")
        for name in names
        for event in events
        for version in versions
    }
    deadline = time.monotonic() + 30
    found: list[tuple[str, str, str]] = []
    while not expected <= set(found) and time.monotonic() < deadline:
        time.sleep(0.5)
        found = _events(names)
    assert sorted(found) == sorted(expected)


def _events(names: list[str]) -> list[tuple[str, str, str]]:
    from prefect.client.orchestration import get_client

    wanted = {
        "event": {"prefix": ["model.", "training."]},
        "resource": {"id": [f"retrain.model.{name}" for name in names]},
    }
    with get_client(sync_client=True) as client:
        page = client.request("POST", "/events/filter", json={"filter": wanted, "limit": 50})
        answer = page.json()
        events = answer["events"]
        while answer["next_page"]:
            answer = client.request("GET", answer["next_page"]).json()
            events += answer["events"]
    return [
        (one["resource"]["prefect.resource.name"], one["event"], one["payload"]["reference"])
        for one in events
    ]
