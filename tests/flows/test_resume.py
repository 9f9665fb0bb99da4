"""The crash matrix: processes that are killed anywhere, and the same thing started again.

Whoever repeats the command gets the model of an undisturbed night, bit for bit, registered once.
Each case is two real processes: one ends by SIGKILL at a named place, one goes on. What they leave
is compared with the storage of a third, which nobody disturbed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training.artifacts import ArtifactStore
from training.artifacts import digest as digest_of
from training.checkpoints import CheckpointManager
from training.registry import ModelRegistry
from training.run import RunRecord, run_ids, stored_history

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from training.state import CheckpointRef

NAME = "nightly"
BATCHES = 6
HIDDEN = (".stage", ".trash", ".locks", ".quarantine")

# All go through shuffling, moments of an optimizer and early stopping that brings the best weights
# back; `adam` is ended by it before its time, the others are not. Two have a schedule besides.
MODELS: dict[str, dict[str, Any]] = {
    "adam": {
        "training": {
            "epochs": 9,
            "optimizer": {"type": "adam", "learning_rate": 0.3},
            "schedule": {"type": "cosine", "warmup_steps": 4},
        },
        "callbacks": [{"type": "early_stopping", "patience": 2}],
    },
    "momentum": {
        "training": {
            "epochs": 5,
            "optimizer": {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9},
            "schedule": {"type": "step", "every_n_epochs": 2, "gamma": 0.5},
            "clip_norm": 1.0,
        },
        "callbacks": [{"type": "early_stopping", "patience": 4}],
    },
}
if find_spec("sklearn") is not None:
    MODELS["estimator"] = {
        "model": {
            "type": "sklearn",
            "estimator": {
                "type": "MLPRegressor",
                "hidden_layer_sizes": [4],
                "learning_rate_init": 0.6,
            },
            "steps": ["StandardScaler"],
        },
        "training": {"epochs": 6},
        "callbacks": [{"type": "early_stopping", "patience": 6}],
    }
CHECKPOINTS: dict[str, dict[str, Any]] = {
    "between": {},
    "inside": {"every_n_batches": 2},
    "overlap": {"overlap": True},
}
STEPS_BETWEEN = {"between": BATCHES, "inside": 2, "overlap": BATCHES}
"""Steps from one checkpoint to the next: the most that may have to be done again, and with saves
that overlap with training twice as many."""


@dataclass
class Zygote:
    """The process that forks a child for each training."""

    process: subprocess.Popen[str]
    via: str

    def train(
        self,
        config: dict[str, Any],
        storage: Path,
        fault: dict[str, Any] | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Train in a child; how it ended, its steps and its calls to the file system."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        job = {
            "via": self.via,
            "config": config,
            "storage": str(storage),
            "fault": fault,
            "seconds": seconds,
        }
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def _zygote(via: str) -> Iterator[Zygote]:
    """One thread in the libraries, so that the process that forks has no other."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if via == "engine":
        environment.pop("PREFECT_API_URL", None)
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crashing.py"))],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield Zygote(process, via)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[Zygote]:
    """Trainings in plain Python."""
    yield from _zygote("engine")


@pytest.fixture(scope="module")
def flow(server: str) -> Iterator[Zygote]:
    """Trainings as Prefect flows on a real server."""
    yield from _zygote("flow")


@dataclass
class Undisturbed:
    """A run that nobody killed."""

    config: dict[str, Any]
    facts: dict[str, Any]
    steps: int
    operations: int
    seconds: float


class Nights:
    """Undisturbed runs, each trained once, when it is first asked for."""

    def __init__(self, engine: Zygote, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self._known: dict[tuple[str, str], Undisturbed] = {}
        _table().to_csv(folder / "table.csv", index=False)

    def __call__(self, model: str, checkpoints: str) -> Undisturbed:
        if (model, checkpoints) not in self._known:
            config = self._config(model, checkpoints)
            storage = self._folder / f"{model}-{checkpoints}"
            began = time.monotonic()
            ended = self._engine.train(config, storage)
            seconds = time.monotonic() - began
            assert ended["error"] is None, ended["error"]
            self._known[model, checkpoints] = Undisturbed(
                config, facts(storage), ended["steps"], ended["operations"], seconds
            )
        return self._known[model, checkpoints]

    def _config(self, model: str, checkpoints: str) -> dict[str, Any]:
        chosen = deepcopy(MODELS[model])
        chosen["training"] |= {"batch_size": 8, "seed": 3}
        return {
            "name": NAME,
            "data": {
                "source": {"type": "csv", "path": str(self._folder / "table.csv")},
                "features": [{"type": "columns", "columns": ["a", "b", "c"]}],
                "target": {"type": "column", "column": "y"},
                "min_rows": 2,
            },
            "model": {"type": "mlp", "hidden": [4]},
            "checkpoints": CHECKPOINTS[checkpoints],
            **chosen,
        }


@pytest.fixture(scope="module")
def undisturbed(engine: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """The runs that all others are compared with; in plain Python, for flows too."""
    return Nights(engine, tmp_path_factory.mktemp("undisturbed"))


def _table() -> pd.DataFrame:
    generator = np.random.default_rng(5)
    table = pd.DataFrame(generator.normal(size=(64, 3)), columns=list("abc"))
    table["y"] = table["a"] - 2 * table["b"] + generator.normal(size=64)
    table.insert(0, "date", pd.date_range("2024-01-01", periods=64))
    return table


def facts(storage: Path) -> dict[str, Any]:
    """Everything that a run leaves and that no clock decides, each part under its own name."""
    store = ArtifactStore(storage)
    (run_id,) = run_ids(store)
    record = RunRecord(store, run_id)
    checkpoints = _checkpoints(store)
    found = checkpoints.newest()
    assert found is not None
    assert record.outcome is not None
    result = record.outcome["result"]
    registry = ModelRegistry(store)
    version = registry.get(NAME)
    return {
        "weights": digest_of(registry.weights(version)),
        "pipeline": digest_of(registry.pipeline(version)),
        "versions": [store.children(f"models/{NAME}/{part}") for part in ("files", "versions")],
        "card": {key: version.card[key] for key in ("run_id", "epoch", "step", "best_epoch")},
        **{part: digest_of({part: tree}) for part, tree in found[1].items()},
        "early stopping": {
            name: {key: value for key, value in state.items() if key != "weights"}
            for name, state in found[1]["callbacks"].items()
        },
        "rows": stored_history(checkpoints, record),
        "ended": {
            key: result[key]
            for key in ("epochs_completed", "stopped_early", "stop_reason", "best_epoch", "metrics")
        },
        "model": result["model"],
        "kept": store.children(f"{record.folder}/checkpoints"),
    }


def _checkpoints(store: ArtifactStore) -> CheckpointManager:
    (run_id,) = run_ids(store)
    return CheckpointManager(store, f"{RunRecord(store, run_id).folder}/checkpoints")


def _newest(storage: Path) -> CheckpointRef | None:
    """The newest checkpoint that verifies, where any run has begun."""
    store = ArtifactStore(storage)
    found = _checkpoints(store).newest() if run_ids(store) else None
    return found[0] if found else None


def _left(storage: Path) -> list[str]:
    """What lies where only work in progress may lie."""
    return [f"{area}/{item.name}" for area in HIDDEN for item in (storage / area).glob("*")]


def _kill(at: str, nth: int, when: str = "before", how: str = "kill") -> dict[str, Any]:
    return {"at": at, "nth": nth, "when": when, "how": how}


def _after(at: str, nth: int) -> dict[str, Any]:
    return _kill(at, nth, "after")


STEP = "step"
EPOCH_END = "training.callbacks.early_stopping:EarlyStoppingCallback.on_epoch_end"
SESSION = "training.run.session:Session"
STAGE = f"{SESSION}.stage"
COMMIT = f"{SESSION}.commit"
FINISH = "training.run.session:Session._finish"
"""Where a commit ends that was written while training went on."""
FILES_WRITTEN = "training.artifacts.stage:DiskStage.publish"
RENAME = "training.artifacts.fs:publish"
NAME_GIVEN = "training.artifacts.fs:give_name"
SAVE = "training.checkpoints.manager:CheckpointManager.save"
REMOVE = "training.artifacts.store:ArtifactStore.remove"
REGISTRY = "training.registry.registry:ModelRegistry"
CLAIMS = "training.registry.claims:Claims"
RECORD = "training.run.record:RunRecord"
REPORT = "training.run.run:write_report"

EVENTS = {
    "before the run is noted": _kill(f"{RECORD}.begin", 1),
    "after the attempt is noted": _after(f"{RECORD}.begin", 1),
    "before the first checkpoint": _kill(SAVE, 1),
    "before the first step": _kill(STEP, 1),
    "in the first epoch": _after(STEP, 3),
    "in a middle epoch": _after(STEP, 3 * BATCHES - 1),
    "in the last batch of an epoch": _after(STEP, 2 * BATCHES),
    "before an epoch's end": _kill(EPOCH_END, 3),
    "after an epoch's end": _after(EPOCH_END, 3),
    "before the stage": _kill(STAGE, 5),
    "after the stage": _after(STAGE, 5),
    "between data and manifest": _kill(FILES_WRITTEN, 4),
    "before the rename": _kill(RENAME, 5),
    "after the rename": _after(RENAME, 5),
    "before a document's name": _kill(NAME_GIVEN, 3),
    "after a document's name": _after(NAME_GIVEN, 3),
    "after the save": _after(SAVE, 5),
    "before a removal": _kill(REMOVE, 1),
    "in a removal": _kill("training.artifacts.fs:remove_directory", 8),
    "after a removal": _after(REMOVE, 2),
    "after the commit": _after(COMMIT, 5),
    "before the best is back": _kill(f"{SESSION}.end", 1),
    "after the best is back": _after(f"{SESSION}.end", 1),
    "before the registry": _kill(f"{REGISTRY}.save_model", 1),
    "after the model's files": _after(f"{REGISTRY}.commit_files", 1),
    "before the claim": _kill(f"{CLAIMS}._take", 1),
    "after the claim": _after(f"{CLAIMS}._take", 1),
    "after the version": _after(f"{REGISTRY}.save_model", 1),
    "before the report": _kill(REPORT, 1),
    "after the report": _after(REPORT, 1),
    "after the outcome": _after(f"{RECORD}.finish", 1),
    "after the end": _after(f"{RECORD}.end", 1),
}
SHARES = (0.03, 0.15, 0.3, 0.45, 0.6, 0.75, 0.85, 0.92, 0.96, 0.99)
OPERATIONS = {f"file operation at {share:.1%}": share for share in SHARES}


@dataclass
class Case:
    """A run that is killed once and then started again."""

    zygote: Zygote
    night: Undisturbed
    storage: Path
    steps_between: int
    overlap: bool
    overrides: dict[str, Any]

    @property
    def may_redo(self) -> int:
        """Steps that a kill may cost."""
        return self.steps_between * (1 + self.overlap)

    def go(self, fault: dict[str, Any] | None = None) -> dict[str, Any]:
        """One attempt."""
        return self.zygote.train(self.night.config | self.overrides, self.storage, fault)

    def survives(self, fault: dict[str, Any]) -> None:
        """Kill it there, start it again, and find no difference."""
        if self.overlap and self.zygote.via == "engine" and fault["at"] == COMMIT:
            fault = fault | {"at": FINISH, "nth": fault["nth"] - 1}  # not the first one
        died = self.go(fault)
        assert died["signal"] == signal.SIGKILL, died["error"] or "the place was never reached"
        newest = _newest(self.storage)
        held = newest.step if newest else 0
        assert 0 <= died["steps"] - held <= self.may_redo
        self.ends_undisturbed(newest)

    def ends_undisturbed(self, newest: CheckpointRef | None) -> None:
        """Go on from that checkpoint, to the same end, leaving nothing behind."""
        ended = self.go()
        assert ended["error"] is None, ended["error"]
        assert facts(self.storage) == self.night.facts
        assert ended["steps"] == self.night.steps - (newest.step if newest else 0)
        if ended["result"]["status"] == "completed":
            at = {"epoch": newest.epoch, "batch": newest.batch} if newest else None
            assert ended["result"]["resumed_from"] == at
            assert ended["result"]["redone_epochs"] <= 1 + self.overlap
            assert _left(self.storage) == []
        store = ArtifactStore(self.storage)
        assert store.verify().problems == []
        store.sweep()
        assert _left(self.storage) == []
        assert store.sweep() == []


def _crossed(places: Iterable[str]) -> list[Any]:
    """Each place with each way to save and each model; one of the models is in the short tests."""
    return [
        pytest.param(
            place,
            checkpoints,
            model,
            id=f"{place}-{checkpoints}-{model}",
            marks=() if (i + j) % len(MODELS) == k else pytest.mark.long,
        )
        for i, place in enumerate(places)
        for j, checkpoints in enumerate(CHECKPOINTS)
        for k, model in enumerate(MODELS)
    ]


def _case(
    zygote: Zygote,
    nights: Nights,
    folder: Path,
    model: str,
    checkpoints: str,
    overrides: dict[str, Any] | None = None,
) -> Case:
    apart, overlap = STEPS_BETWEEN[checkpoints], checkpoints == "overlap"
    night = nights(model, checkpoints)
    return Case(zygote, night, folder / "storage", apart, overlap, overrides or {})


@pytest.mark.parametrize("model", MODELS)
def test_the_undisturbed_nights_have_something_to_lose(undisturbed: Nights, model: str) -> None:
    """Early stopping that ends one and brings earlier weights back; the cadence changes no bit."""
    between, inside = undisturbed(model, "between").facts, undisturbed(model, "inside").facts
    assert undisturbed(model, "overlap").facts == between
    last = between["ended"]["epochs_completed"]
    assert between["ended"]["stopped_early"] == (model == "adam")
    assert 0 < between["ended"]["best_epoch"] < last
    assert last >= 4
    assert undisturbed(model, "between").steps == last * BATCHES
    for part in set(between) - {"kept"}:
        assert between[part] == inside[part], part


@pytest.mark.parametrize(("event", "checkpoints", "model"), _crossed(EVENTS))
def test_killed_at_an_event_it_ends_as_if_undisturbed(
    engine: Zygote, undisturbed: Nights, tmp_path: Path, event: str, checkpoints: str, model: str
) -> None:
    _case(engine, undisturbed, tmp_path, model, checkpoints).survives(EVENTS[event])


@pytest.mark.parametrize(("operation", "checkpoints", "model"), _crossed(OPERATIONS))
def test_killed_before_a_file_operation_it_ends_as_if_undisturbed(
    engine: Zygote,
    undisturbed: Nights,
    tmp_path: Path,
    operation: str,
    checkpoints: str,
    model: str,
) -> None:
    case = _case(engine, undisturbed, tmp_path, model, checkpoints)
    case.survives(_kill("operation", int(OPERATIONS[operation] * case.night.operations)))


LAST = {
    "before the last save": (SAVE, "before"),
    "after the last save, before older ones are removed": (SAVE, "after"),
    "after older ones are removed": (
        "training.checkpoints.manager:CheckpointManager.prune",
        "after",
    ),
    "after the last commit": (COMMIT, "after"),
}


@pytest.mark.parametrize(("place", "checkpoints", "model"), _crossed(LAST))
def test_killed_around_the_last_checkpoint_it_keeps_what_the_rules_keep(
    engine: Zygote, undisturbed: Nights, tmp_path: Path, place: str, checkpoints: str, model: str
) -> None:
    """There is no later commit after which older checkpoints would be removed."""
    case = _case(engine, undisturbed, tmp_path, model, checkpoints)
    at, when = LAST[place]
    last = 1 + case.night.steps // case.steps_between
    case.survives(_kill(at, last, when))


@pytest.mark.parametrize("checkpoints", CHECKPOINTS)
@pytest.mark.parametrize("model", MODELS)
def test_killed_and_its_newest_checkpoint_damaged_it_goes_on_from_the_one_before(
    engine: Zygote, undisturbed: Nights, tmp_path: Path, model: str, checkpoints: str
) -> None:
    """One bit of one weight: it would load, and train on to another model."""
    case = _case(engine, undisturbed, tmp_path, model, checkpoints)
    assert case.go(_after(STEP, 2 * BATCHES + 5))["signal"] == signal.SIGKILL
    newest = _newest(case.storage)
    assert newest is not None
    _flip_a_bit(case.storage / newest.uri / "state.safetensors")
    before = _newest(case.storage)
    assert before is not None
    assert newest.step - before.step == case.steps_between
    ended = case.go()
    assert ended["error"] is None, ended["error"]
    assert facts(case.storage) == case.night.facts
    assert ended["steps"] == case.night.steps - before.step
    assert ended["result"]["resumed_from"] == {"epoch": before.epoch, "batch": before.batch}
    assert [item.split("/")[0] for item in _left(case.storage)] == [".quarantine"]


def _flip_a_bit(file: Path) -> None:
    """In the last of the arrays, which end the file."""
    data = bytearray(file.read_bytes())
    data[-2] ^= 1
    file.write_bytes(data)


IN_A_FLOW = {
    "before the first step": _kill(STEP, 1),
    "in a middle epoch": _after(STEP, 3 * BATCHES - 1),
    "after the stage, before the task ends": _after(STAGE, 5),
    "before a result is kept": _kill("tasks.results:ResultStorage.write_path", 3),
    "after a result is kept": _after("tasks.results:ResultStorage.write_path", 3),
    "after the commit, before Prefect hears of it": _after(COMMIT, 3),
    "after a save, before older ones are removed": _after(SAVE, 5),
    "after the claim": _after(f"{CLAIMS}._take", 1),
}


@pytest.mark.parametrize(("event", "checkpoints", "model"), _crossed(IN_A_FLOW))
def test_a_killed_flow_ends_as_if_undisturbed(
    flow: Zygote, undisturbed: Nights, tmp_path: Path, event: str, checkpoints: str, model: str
) -> None:
    """As undisturbed plain Python, that is: the flow adds nothing and loses nothing."""
    _case(flow, undisturbed, tmp_path, model, checkpoints).survives(IN_A_FLOW[event])


RAISED = {
    "in a batch": (STEP, 2 * BATCHES - 1, "after"),
    "at an epoch's end": (EPOCH_END, 2, "after"),
    "in a commit": (FILES_WRITTEN, 4, "before"),
    "in the registry": (f"{CLAIMS}._take", 1, "after"),
}


@pytest.mark.parametrize(("event", "checkpoints", "model"), _crossed(RAISED))
def test_a_task_that_is_retried_in_the_same_process_ends_as_if_undisturbed(
    flow: Zygote, undisturbed: Nights, tmp_path: Path, event: str, checkpoints: str, model: str
) -> None:
    """The memory that the failure left half changed is not believed."""
    retries = {"execution": {"retries": 1, "retry_delay_seconds": 0}}
    case = _case(flow, undisturbed, tmp_path, model, checkpoints, retries)
    at, nth, when = RAISED[event]
    ended = case.go(_kill(at, nth, when, how="raise"))
    assert ended["error"] is None, ended["error"]
    assert facts(case.storage) == case.night.facts
    assert 0 <= ended["steps"] - case.night.steps <= case.may_redo
    assert _left(case.storage) == []


KILLS = int(os.environ.get("RETRAIN_KILLS", "500"))
SEED = int(os.environ.get("RETRAIN_SEED", "1"))


class Campaign:
    """Runs that are killed again and again at random instants, and what came of them."""

    def __init__(self, engine: Zygote, nights: Nights, folder: Path) -> None:
        self._engine, self._nights, self._folder = engine, nights, folder
        self._random = random.Random(SEED)  # noqa: S311 - the same kills again, not a secret
        self.found = dict.fromkeys(
            (
                "runs",
                "kills",
                "mismatches",
                "damaged newest checkpoints",
                "duplicate versions",
                "leftovers",
                "problems of verify",
                "attempts that failed",
            ),
            0,
        )
        self.steps = self.needed = 0

    def run(self) -> None:
        """One run, killed up to four times, then left alone until it is done."""
        model, checkpoints = self._random.choice([*MODELS]), self._random.choice([*CHECKPOINTS])
        night = self._nights(model, checkpoints)
        self.found["runs"] += 1
        storage = self._folder / f"run-{self.found['runs']}"
        for _ in range(self._random.randint(1, 4)):
            fault, seconds = self._instant(night)
            self._attempt(night, storage, fault, seconds)
        self._attempt(night, storage)
        self.needed += night.steps
        self._compare(night, storage)
        shutil.rmtree(storage)

    def _instant(self, night: Undisturbed) -> tuple[dict[str, Any] | None, float | None]:
        kind = self._random.choice(("operation", "step", "timer"))
        if kind == "timer":
            return None, self._random.uniform(0.0, night.seconds)
        if kind == "step":
            return _after(STEP, self._random.randint(1, night.steps)), None
        return _kill("operation", self._random.randint(1, night.operations)), None

    def _attempt(
        self,
        night: Undisturbed,
        storage: Path,
        fault: dict[str, Any] | None = None,
        seconds: float | None = None,
    ) -> None:
        ended = self._engine.train(night.config, storage, fault, seconds)
        self.steps += ended["steps"]
        if ended["signal"]:
            self.found["kills"] += 1
            self.found["damaged newest checkpoints"] += self._newest_is_damaged(storage)
        elif ended["error"] is not None:
            print(ended["error"])  # noqa: T201 - a campaign says what it found
            self.found["attempts that failed"] += 1

    def _newest_is_damaged(self, storage: Path) -> bool:
        """Whether a name is there that does not verify, or was set aside before."""
        store = ArtifactStore(storage)
        if any((storage / ".quarantine").glob("*")):
            return True
        if not run_ids(store):
            return False
        names = store.children(f"runs/{run_ids(store)[0]}/checkpoints")
        newest = _newest(storage)
        return bool(names) and (newest is None or not newest.uri.endswith(names[-1]))

    def _compare(self, night: Undisturbed, storage: Path) -> None:
        found = facts(storage)
        if found != night.facts:
            differs = [part for part in found if found[part] != night.facts[part]]
            print(f"run {self.found['runs']} differs in {differs}")  # noqa: T201 - as above
            self.found["mismatches"] += 1
        store = ArtifactStore(storage)
        self.found["duplicate versions"] += len(ModelRegistry(store).numbers(NAME)) - 1
        self.found["problems of verify"] += len(store.verify().problems)
        store.sweep()
        self.found["leftovers"] += len(_left(storage))

    def table(self) -> str:
        """What was found."""
        again = f"{self.steps / self.needed - 1:.1%}"
        lines = [*self.found.items(), ("share of work done again", again)]
        return "\n".join(f"{name:<28}{value:>8}" for name, value in lines)


@pytest.mark.long
def test_a_campaign_of_random_kills_finds_no_difference(
    engine: Zygote,
    undisturbed: Nights,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """RETRAIN_KILLS kills (500) at instants that RETRAIN_SEED (1) decides."""
    campaign = Campaign(engine, undisturbed, tmp_path)
    with capsys.disabled():
        while campaign.found["kills"] < KILLS:
            campaign.run()
        print(f"\n{campaign.table()}")  # noqa: T201 - as above
    assert not any(value for name, value in campaign.found.items() if name not in {"runs", "kills"})
