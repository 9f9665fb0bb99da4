"""The crash matrix: processes that are killed anywhere, and the same thing started again.

Whoever repeats the command gets the model of an undisturbed night, bit for bit, registered once.
Each case is two real processes: one ends by SIGKILL at a named place, one goes on. What they leave
is compared with the storage of a third, which nobody disturbed.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.flows.nights import (
    BATCHES,
    CHECKPOINTS,
    MODELS,
    STEP,
    STEPS_BETWEEN,
    after,
    facts,
    kill,
    left_in,
    newest_in,
)
from training.artifacts import ArtifactStore

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.flows.nights import Nights, Undisturbed, Zygote
    from training.state import CheckpointRef

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
    "before the run is noted": kill(f"{RECORD}.begin", 1),
    "after the attempt is noted": after(f"{RECORD}.begin", 1),
    "before the first checkpoint": kill(SAVE, 1),
    "before the first step": kill(STEP, 1),
    "in the first epoch": after(STEP, 3),
    "in a middle epoch": after(STEP, 3 * BATCHES - 1),
    "in the last batch of an epoch": after(STEP, 2 * BATCHES),
    "before an epoch's end": kill(EPOCH_END, 3),
    "after an epoch's end": after(EPOCH_END, 3),
    "before the stage": kill(STAGE, 5),
    "after the stage": after(STAGE, 5),
    "between data and manifest": kill(FILES_WRITTEN, 4),
    "before the rename": kill(RENAME, 5),
    "after the rename": after(RENAME, 5),
    "before a document's name": kill(NAME_GIVEN, 3),
    "after a document's name": after(NAME_GIVEN, 3),
    "after the save": after(SAVE, 5),
    "before a removal": kill(REMOVE, 1),
    "in a removal": kill("training.artifacts.fs:remove_directory", 8),
    "after a removal": after(REMOVE, 2),
    "after the commit": after(COMMIT, 5),
    "before the best is back": kill(f"{SESSION}.end", 1),
    "after the best is back": after(f"{SESSION}.end", 1),
    "before the registry": kill(f"{REGISTRY}.save_model", 1),
    "after the model's files": after(f"{REGISTRY}.commit_files", 1),
    "before the claim": kill(f"{CLAIMS}._take", 1),
    "after the claim": after(f"{CLAIMS}._take", 1),
    "after the version": after(f"{REGISTRY}.save_model", 1),
    "before the report": kill(REPORT, 1),
    "after the report": after(REPORT, 1),
    "after the outcome": after(f"{RECORD}.finish", 1),
    "after the end": after(f"{RECORD}.end", 1),
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
        newest = newest_in(self.storage)
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
            assert left_in(self.storage) == []
        store = ArtifactStore(self.storage)
        assert store.verify().problems == []
        store.sweep()
        assert left_in(self.storage) == []
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
    case.survives(kill("operation", int(OPERATIONS[operation] * case.night.operations)))


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
    case.survives(kill(at, last, when))


@pytest.mark.parametrize("checkpoints", CHECKPOINTS)
@pytest.mark.parametrize("model", MODELS)
def test_killed_and_its_newest_checkpoint_damaged_it_goes_on_from_the_one_before(
    engine: Zygote, undisturbed: Nights, tmp_path: Path, model: str, checkpoints: str
) -> None:
    """One bit of one weight: it would load, and train on to another model."""
    case = _case(engine, undisturbed, tmp_path, model, checkpoints)
    assert case.go(after(STEP, 2 * BATCHES + 5))["signal"] == signal.SIGKILL
    newest = newest_in(case.storage)
    assert newest is not None
    _flip_a_bit(case.storage / newest.uri / "state.safetensors")
    before = newest_in(case.storage)
    assert before is not None
    assert newest.step - before.step == case.steps_between
    ended = case.go()
    assert ended["error"] is None, ended["error"]
    assert facts(case.storage) == case.night.facts
    assert ended["steps"] == case.night.steps - before.step
    assert ended["result"]["resumed_from"] == {"epoch": before.epoch, "batch": before.batch}
    assert [item.split("/")[0] for item in left_in(case.storage)] == [".quarantine"]


def _flip_a_bit(file: Path) -> None:
    """In the last of the arrays, which end the file."""
    data = bytearray(file.read_bytes())
    data[-2] ^= 1
    file.write_bytes(data)


IN_A_FLOW = {
    "before the first step": kill(STEP, 1),
    "in a middle epoch": after(STEP, 3 * BATCHES - 1),
    "after the stage, before the task ends": after(STAGE, 5),
    "before a result is kept": kill("tasks.results:ResultStorage.write_path", 3),
    "after a result is kept": after("tasks.results:ResultStorage.write_path", 3),
    "after the commit, before Prefect hears of it": after(COMMIT, 3),
    "after a save, before older ones are removed": after(SAVE, 5),
    "after the claim": after(f"{CLAIMS}._take", 1),
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
    ended = case.go(kill(at, nth, when, how="raise"))
    assert ended["error"] is None, ended["error"]
    assert facts(case.storage) == case.night.facts
    assert 0 <= ended["steps"] - case.night.steps <= case.may_redo
    assert left_in(case.storage) == []
