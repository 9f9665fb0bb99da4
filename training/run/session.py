"""Everything that one process holds in memory while it works on a run.

Nothing here could not be put together again from the storage: a session that lost its state (a
failed attempt) goes back to the newest checkpoint that verifies.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from training.artifacts import digest as digest_of
from training.callbacks import CheckpointRecord, ErrorRecord, TrainRecord, fire
from training.errors import IntegrityError
from training.metrics import Monitor
from training.run.ahead import Ahead, saver
from training.run.snapshots import Snapshots
from training.state import CheckpointRef, Control, TrainingState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from training.callbacks import CallbackList
    from training.checkpoints import CheckpointManager, History, Row
    from training.config import TrainingConfig
    from training.data import Dataset
    from training.models import Model
    from training.types import Metrics, ModelSpec


class Session:
    """A model, its data, its callbacks and how far it is.

    Attributes:
        intact: whether the memory holds exactly a staged or committed state; not while an epoch is
            running, nor after a failure.
        batch_size: rows a batch, as the configuration says; all of them for a model that
            learns from a whole epoch at once.
        shuffle: whether their order changes from epoch to epoch.
        batches: batches an epoch.
        rows: the training part, with the way in which the model wants its batches picked.
        defers: whether a state that `commit_ahead` is to save gets its digest there, and not while
            training waits.
    """

    def __init__(  # noqa: PLR0913 - the parts of a training, put together in one place
        self,
        *,
        run_id: str,
        config: TrainingConfig,
        data: Dataset,
        spec: ModelSpec,
        model: Model,
        callbacks: CallbackList,
        checkpoints: CheckpointManager,
        history: History,
        metadata: Mapping[str, Any],
        guard: Callable[[], None] = lambda: None,
        overlap: bool = False,
    ) -> None:
        """Hold the parts; `begin` or `restore` gives them a state.

        `guard` is called before anything is made durable, and raises if the run is no longer ours.
        With `overlap` copies of the state go into memory that is used again.
        """
        self.run_id = run_id
        self.config = config
        self.data = data
        self.spec = spec
        self.model = model
        self.callbacks = callbacks
        self.checkpoints = checkpoints
        self.history = history
        self.state = TrainingState()
        self.control = Control()
        self.intact = False
        self.defers = False
        self.ended = False
        self._metadata = metadata
        self._guard = guard
        self._staged: tuple[CheckpointRef, dict[str, Any]] | None = None
        self._ahead: Ahead | None = None
        self._saver = saver()  # starts no thread before the first save
        self._snapshots = Snapshots()
        self._live = getattr(model, "live_state", None) if overlap else None
        self._committed = (-1, 0)
        self._told: BaseException | None = None
        whole = getattr(model, "learns_whole_epochs", False)
        self.batch_size = max(1, len(data.train.x)) if whole else config.batch_size
        self.shuffle = config.shuffle and not whole
        self.batches = 1 if whole else spec.batches_per_epoch
        on_device = getattr(model, "rows_on_device", None)
        alike = data.train.weight is None
        pick = on_device(data.train.x, data.train.y) if on_device and alike else None
        self.rows = replace(data.train, pick=pick)
        judged_by = getattr(model, "judged_by", "loss")
        self.monitor = Monitor(f"val_{judged_by}" if len(data.validation.x) else judged_by)

    @property
    def done(self) -> bool:
        """Whether all epochs are trained, or the run was ended before."""
        state = self.state
        return state.batch == 0 and (
            state.epoch >= self.config.epochs or state.stop_reason is not None
        )

    @property
    def best_epoch(self) -> int | None:
        """By the early-stopping callback, else by the loss; None before any epoch."""
        return self.callbacks.best_epoch or self.state.best_epoch or None

    def begin(self, *, resumed: bool) -> None:
        """Tell the callbacks that training begins, or goes on."""
        fire(self.callbacks.on_train_begin, self.train_record(resumed=resumed))

    def end(self) -> None:
        """Tell the callbacks that training ends, once; the weights they leave are the result."""
        if not self.ended:
            self.ended = True
            self.intact = False
            self._snapshots.forget()
            self._saver.shutdown(wait=False)
            fire(self.callbacks.on_train_end, self.train_record())

    def train_record(self, *, resumed: bool = False) -> TrainRecord:
        """A record of where the training is."""
        return TrainRecord(
            run_id=self.run_id,
            epochs=self.config.epochs,
            epoch=self.state.epoch,
            step=self.state.step,
            model=self.model,
            control=self.control,
            batches=self.batches,
            validates=len(self.data.validation.x) > 0,
            resumed=resumed,
            stop_reason=self.state.stop_reason,
        )

    def undisturbed(self) -> AbstractContextManager[None]:
        """To be held while steps are taken: whether callbacks come between them is known here."""
        callbacks = self.callbacks
        hold = getattr(self.model, "undisturbed", None)
        if hold is None or callbacks.on_batch_begin or callbacks.on_batch_end:
            return nullcontext()
        held: AbstractContextManager[None] = hold()
        return held

    def end_model_epoch(self, metrics: Metrics) -> None:
        """Tell the model what an epoch ended with, if it asks."""
        end_epoch = getattr(self.model, "end_epoch", None)
        if end_epoch is not None:
            end_epoch(metrics)

    def stage(self, save: str | None, metrics: dict[str, float] | None = None) -> CheckpointRef:
        """Take a copy of the whole state; from here on the memory is exactly that state.

        Args:
            save: the reason why it should be committed; None: no rule asks for it.
            metrics: of the epoch that was just done, which becomes a row of the history; None
                where no epoch ends here.
        """
        if self._ahead is not None and not self._ahead.is_prepared():
            self.settle()
        model, state = self._captured(), self.state
        deferred = self.defers and save is not None and metrics is not None
        digest = "" if deferred else digest_of(model["weights"])
        if metrics is not None:
            self.history.append(self._row(digest, metrics))
        ref = CheckpointRef(
            uri="",
            epoch=state.epoch,
            batch=state.batch,
            step=state.step,
            digest=digest,
            metrics=metrics or self.history.last_metrics,
            stop_reason=state.stop_reason,
            save=save,
        )
        tree = {
            "model": model,
            "callbacks": self.callbacks.state_dict(),
            "training": state.state_dict(),
            "history": self.history.state_dict(),
        }
        self._staged = (ref, tree)
        self.intact = True
        return ref

    def _captured(self) -> dict[str, Any]:
        """A copy of the model's state."""
        if self._live is None:
            return self.model.state_dict()
        busy = None if self._ahead is None else self._ahead.tree["model"]
        copy: dict[str, Any] = self._snapshots.take(self._live(), busy)
        return copy

    def commit(self, ref: CheckpointRef) -> CheckpointRef:
        """Make what was staged durable, thin out older ones, tell the callbacks.

        What is being written ahead comes first; if that failed it is written again here.

        Raises:
            StorageError: nothing was committed; may be called again.
            IntegrityError: this process does not hold what is to be committed.
        """
        ahead = self._ahead
        if ahead is not None:
            committed = self._finish(ahead)
            if ahead.ref == ref:
                return committed
        if self._is_committed(ref):
            return ref
        with self.telling_errors():
            tree = self._staged_tree(ref)
            committed = self._write(self._prepare(ref, tree), tree)
            self._staged = None
            self._tell_saved(committed)
        return committed

    def commit_ahead(self, ref: CheckpointRef) -> None:
        """Begin to write what was staged while training goes on; `commit` waits for it.

        At most one is in flight: one begun before is finished first.
        """
        self.settle()
        tree = self._staged_tree(ref)
        self._staged = None
        self._ahead = Ahead(ref, tree, self._prepare, self._write, self._saver)

    def settle(self) -> None:
        """Wait for what is being written ahead."""
        if self._ahead is not None:
            self._finish(self._ahead)

    def _finish(self, ahead: Ahead) -> CheckpointRef:
        """Wait for what is written ahead."""
        with self.telling_errors():
            committed = ahead.wait()
            if committed is None:
                ref = ahead.prepared or self._prepare(ahead.ref, ahead.tree)
                committed = self._write(ref, ahead.tree)
            self._ahead = None
            self._tell_saved(committed)
        return committed

    def _staged_tree(self, ref: CheckpointRef) -> dict[str, Any]:
        if self._staged is None or self._staged[0] != ref:
            raise IntegrityError(
                f"the state after epoch {ref.epoch} is not in this process; run the epoch again"
            )
        return self._staged[1]

    def _prepare(self, ref: CheckpointRef, tree: dict[str, Any]) -> CheckpointRef:
        """Give a state its digest, where that was put off, and write the history's whole blocks.

        No row may have been added to the history since it was staged.
        """
        self._guard()
        if not ref.digest:
            ref = replace(ref, digest=digest_of(tree["model"]["weights"]))
            self.history.row(ref.epoch)["digest"] = ref.digest
        self.history.flush()
        tree["history"] = self.history.state_dict()
        return ref

    def _write(self, ref: CheckpointRef, tree: dict[str, Any]) -> CheckpointRef:
        self._guard()
        committed = self.checkpoints.save(ref, tree, self._metadata)
        self._committed = (ref.epoch, ref.batch)
        self.checkpoints.prune()
        return committed

    def restore(self) -> CheckpointRef | None:
        """Go to the newest checkpoint that verifies; None when there is none.

        Damaged ones on the way are set aside: they would stand where new ones are to be, and count
        among those that are kept.
        """
        self.settle()
        found = self.checkpoints.newest(set_aside=True)
        if found is None:
            return None
        self.take(*found)
        return found[0]

    def take(self, ref: CheckpointRef, tree: dict[str, Any], *, begin: bool = False) -> None:
        """Go to the state of a checkpoint.

        Args:
            ref: the checkpoint.
            tree: its state.
            begin: tell the callbacks that training goes on, before they take over their states.
        """
        self.intact = False
        self._staged = None
        self.model.load_state_dict(tree["model"])
        self.state.load_state_dict(tree["training"])
        self.history.load_state_dict(tree["history"])
        self.control.clear()
        if begin:
            self.begin(resumed=True)
        self.callbacks.load_state_dict(tree["callbacks"])
        self._committed = (ref.epoch, ref.batch)
        self.intact = True

    @contextmanager
    def telling_errors(self) -> Iterator[None]:
        """Tell the callbacks, once, of whatever is raised inside, and raise it on."""
        try:
            yield
        except BaseException as error:
            if error is not self._told:
                self._told = error
                self._tell(error)
            raise

    def _tell(self, error: BaseException) -> None:
        record = ErrorRecord(
            run_id=self.run_id,
            epochs=self.config.epochs,
            epoch=self.state.epoch + 1,
            step=self.state.step,
            model=self.model,
            control=self.control,
            error=error,
        )
        for hook in self.callbacks.on_exception:
            try:
                hook(record)
            except Exception as second:  # noqa: BLE001 - the first error is the one to raise on
                error.add_note(f"besides, {hook.__qualname__} raised {second!r}")

    def reference(self, epoch: int) -> CheckpointRef:
        """A reference to an epoch that is done, from its row in the history."""
        row = self.history.row(epoch)
        stop = self.state.stop_reason if epoch == self.state.epoch else None
        return CheckpointRef("", epoch, 0, row["step"], row["digest"], row["metrics"], stop)

    def _is_committed(self, ref: CheckpointRef) -> bool:
        """Whether a checkpoint that this process committed or restored holds this epoch."""
        if not self.history.first_epoch <= ref.epoch or (ref.epoch, ref.batch) > self._committed:
            return False
        return bool(self.history.row(ref.epoch)["digest"] == ref.digest)

    def _row(self, digest: str, metrics: dict[str, float]) -> Row:
        row: Row = {
            "epoch": self.state.epoch,
            "step": self.state.step,
            "digest": digest,
            "metrics": metrics,
        }
        rate = getattr(self.model, "learning_rate", None)
        return row if rate is None else row | {"learning_rate": float(rate)}

    def _tell_saved(self, committed: CheckpointRef) -> None:
        if not self.callbacks.on_checkpoint_saved:
            return
        record = CheckpointRecord(
            run_id=self.run_id,
            epochs=self.config.epochs,
            epoch=committed.epoch,
            step=committed.step,
            model=self.model,
            control=self.control,
            checkpoint=committed,
            reason=committed.save or "",
        )
        fire(self.callbacks.on_checkpoint_saved, record)
