"""Does a configuration resume exactly? Train it undisturbed, train it again with kills, compare.

Whether a run goes on to the bit is a property of everything in it: the model, the callbacks, the
data, many of them the user's own. This tries it out, in processes that are really killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.artifacts import ArtifactStore
from training.callbacks import CallbackBase
from training.checkpoints import CheckpointManager, state_differences
from training.config import CheckpointsConfig
from training.config.load import parse_config
from training.engine import TrainingEngine
from training.errors import RetrainError, TrainingError
from training.run import RunRecord, TrainingRun, run_ids

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from training.callbacks import BatchRecord
    from training.config import RunConfig

SAVES_IN_AN_EPOCH = 4
SHOWN = 12

_ADVICE = {
    "": "the data or the configuration are not the same from one start to the next",
    "model": "the model keeps something that its state_dict does not tell, or draws at random from "
    "elsewhere than (seed, step)",
    "callbacks": "a callback remembers what its state_dict does not tell, or looks at the clock",
    "training": "the steps are not the same: data that come in another order or number",
    "history": "the metrics are not the same, though the weights are",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """What came out.

    Attributes:
        kills: the optimization steps after which a process was killed.
        epochs: that were trained, each twice.
        compared: checkpoints whose every value was compared.
        where: the first checkpoint in which something differs; empty: none does.
        differences: what differs there, a line each.
    """

    kills: tuple[int, ...]
    epochs: int
    compared: int
    where: str = ""
    differences: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def advice(self) -> str:
        """What to look at, by the part of the state that differs."""
        part = self.differences[0].partition("/")[0] if self.differences else ""
        return _ADVICE.get(part, _ADVICE[""])


def prove_resume(
    config: RunConfig,
    *,
    epochs: int = 3,
    kills: int = 5,
    seed: int = 0,
    watch: Callable[[str], None] = lambda _line: None,
) -> Proof:
    """Train a few epochs in a temporary folder, once undisturbed and once killed at random steps.

    Args:
        config: the user's own; its epochs are cut to `epochs`, checkpoints are saved inside epochs
            too, and all of them are kept.
        epochs: how many to train, at most.
        kills: how often a process is killed by SIGKILL.
        seed: decides after which steps.
        watch: is told what is being done.

    Raises:
        InputError: the configuration or the data are wrong.
        TrainingError: the training fails even when nobody disturbs it.
    """
    epochs = min(epochs, config.training.epochs)
    training = config.training.model_copy(update={"epochs": epochs})
    run = TrainingRun(config.model_copy(update={"training": training}), "./not-written-to")
    run.check()
    batches = run.batches
    often = max(1, batches // SAVES_IN_AN_EPOCH)
    checkpoints = CheckpointsConfig(every_n_epochs=1, every_n_batches=often, keep=())
    short = config.model_copy(update={"training": training, "checkpoints": checkpoints})
    tree = short.model_dump(mode="json", by_alias=True)
    steps = np.random.default_rng(seed).choice(
        np.arange(1, max(2, epochs * batches)), min(kills, max(1, epochs * batches - 1)), False
    )
    with tempfile.TemporaryDirectory(prefix="retrain-prove-") as folder:
        undisturbed, disturbed = Path(folder) / "undisturbed", Path(folder) / "disturbed"
        watch(f"training {epochs} epochs of {batches} batches undisturbed")
        _work(tree, undisturbed, None)
        done = []
        for step in sorted(map(int, steps)):
            watch(f"training until a kill after step {step}")
            if _work(tree, disturbed, step):  # else it ended before that step
                done.append(step)
        watch("training to the end")
        _work(tree, disturbed, None)
        return _compared(undisturbed, disturbed, tuple(done), epochs)


def _work(tree: dict[str, Any], storage: Path, kill_after: int | None) -> bool:
    """Train in a process of its own; whether it was killed."""
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(tree, str(storage), kill_after, tell))
    process.start()
    tell.close()
    try:
        answer = told.recv()
    except EOFError:
        answer = None
    process.join()
    if answer:
        raise TrainingError(f"the training failed in a process that tried it out: {answer}")
    if process.exitcode not in {0, -signal.SIGKILL} or (process.exitcode and not kill_after):
        raise TrainingError(f"a process that tried it out ended with code {process.exitcode}")
    return process.exitcode != 0


def _child(
    tree: dict[str, Any], storage: str, kill_after: int | None, tell: Connection[str, Any]
) -> None:
    try:
        run = TrainingRun(parse_config(tree), storage, callbacks=[_Kill(kill_after)])
        TrainingEngine().finish(run)
    except Exception as error:  # noqa: BLE001 - told to the parent, which raises it
        ours = isinstance(error, RetrainError)
        tell.send(str(error) if ours else f"{type(error).__name__}: {error}")


class _Kill(CallbackBase):
    """Kills its process after a step; before the checkpoint of that step is saved."""

    def __init__(self, after: int | None) -> None:
        self._after = after

    def identity(self) -> None:
        """A run with it is the same run."""

    def on_batch_end(self, record: BatchRecord) -> None:
        if record.step == self._after:
            os.kill(os.getpid(), signal.SIGKILL)


def _compared(undisturbed: Path, disturbed: Path, kills: tuple[int, ...], epochs: int) -> Proof:
    (one, whole), (other, cut) = _checkpoints(undisturbed), _checkpoints(disturbed)
    if whole != cut:
        return Proof(kills, epochs, 0, "which run it is", (f"{cut}, undisturbed {whole}",))
    refs = sorted(one.refs(), key=lambda ref: (ref.epoch, ref.batch))
    known = {(ref.epoch, ref.batch): ref for ref in other.refs()}
    for number, ref in enumerate(refs, 1):
        twin = known.get((ref.epoch, ref.batch))
        where = f"epoch {ref.epoch}" + (f", batch {ref.batch}" if ref.batch else "")
        if twin is None:
            return Proof(kills, epochs, number, where, ("the checkpoint is missing",))
        lines = state_differences(one.load(ref), other.load(twin))
        found = tuple(islice(lines, SHOWN))
        if found:
            return Proof(kills, epochs, number, where, found)
    return Proof(kills, epochs, len(refs))


def _checkpoints(storage: Path) -> tuple[CheckpointManager, str]:
    """Those of the last run in a storage, and its id."""
    store = ArtifactStore(storage)
    run_id = ", ".join(run_ids(store))
    folder = RunRecord(store, run_ids(store)[-1]).folder
    return CheckpointManager(store, f"{folder}/checkpoints"), run_id
