"""The engine: the loop, and the chain around it in plain Python."""

from __future__ import annotations

import signal
from time import perf_counter
from typing import TYPE_CHECKING, Any

from training.callbacks import BatchRecord, EpochRecord, fire
from training.config.load import parse_config
from training.data import DataManager, epoch_batches
from training.errors import IntegrityError, InterruptedRunError
from training.metrics import MetricSums
from training.models.launch import helped_result, is_helper, release_helpers
from training.run import TrainingResult, TrainingRun

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from training.callbacks import CallbackBase, CallbackList
    from training.config import (
        CheckpointsConfig,
        DataConfig,
        EvaluationConfig,
        ModelConfig,
        TrainingConfig,
    )
    from training.registry import ModelRegistry
    from training.run import Session
    from training.state import CheckpointRef
    from training.types import Batch

EVALUATION_BATCH = 1024


class TrainingEngine:
    """Trains models, resumably.

    ::

        engine = TrainingEngine(storage="./artifacts", name="my-model")
        result = engine.train({"type": "mlp"}, {"source": {...}}, {"epochs": 20})
    """

    def __init__(
        self,
        storage: str | os.PathLike[str] = "./artifacts",
        registry: ModelRegistry | None = None,
        *,
        name: str = "model",
        checkpoints: CheckpointsConfig | Mapping[str, Any] | None = None,
        evaluation: EvaluationConfig | Mapping[str, Any] | None = None,
        trusted: Collection[str] | None = None,
    ) -> None:
        """Say where things are kept.

        Args:
            storage: folder or URL for runs, checkpoints and the registry.
            registry: where the final model is registered; default: in the storage.
            name: the model's name in the registry.
            checkpoints: when a checkpoint is saved, and which are kept.
            evaluation: what is measured after training.
            trusted: modules that `module:Class` may name; None: all, for configurations of one's
                own.
        """
        self.storage = storage
        self.registry = registry
        self.trusted = trusted
        self._sections = {
            "name": name,
            "checkpoints": checkpoints or {},
            "evaluation": evaluation or {},
        }

    def train(
        self,
        model_config: ModelConfig | Mapping[str, Any],
        data_config: DataConfig | DataManager | Mapping[str, Any],
        training_config: TrainingConfig | Mapping[str, Any],
        *,
        callbacks: CallbackList | Iterable[CallbackBase] | None = None,
        resume_from: str | None = None,
    ) -> TrainingResult:
        """Load the data, create the model, train it, evaluate and register it.

        The same call again continues an interrupted run, and does nothing for a finished one.

        Args:
            model_config: what is trained.
            data_config: where the rows come from; a `DataManager` can hold a DataFrame.
            training_config: how it is trained.
            callbacks: besides logging and checkpointing; a `CallbackList` replaces those too.
            resume_from: a finished run to train on from, as a new run with more epochs.

        Raises:
            InputError: something given is wrong; nothing was written.
            TrainingError: the training failed.
            StorageError: the storage failed.
        """
        manager = data_config if isinstance(data_config, DataManager) else None
        sections = {
            "model": model_config,
            "data": manager.config if manager else data_config,
            "training": training_config,
        }
        run = TrainingRun(
            parse_config(self._sections | sections, "TrainingEngine"),
            self.storage,
            manager=manager,
            registry=self.registry,
            callbacks=callbacks or (),
            parent=resume_from,
            trusted=self.trusted,
        )
        if is_helper():
            return TrainingResult(**helped_result(self.trusted))
        return self.finish(run)

    def finish(self, run: TrainingRun) -> TrainingResult:
        """Take a run from wherever it stands to its end.

        Raises:
            RetrainError: as `train`.
        """
        result: TrainingResult | None = None
        try:
            run.load_data()
            with run.held() as start:
                result = run.completed() if start.is_complete else self.train_held(run)
        finally:
            release_helpers(result.to_json() if result else None)
        return result

    def train_held(self, run: TrainingRun) -> TrainingResult:
        """Train a run that this process holds, from wherever it stands, and register its model."""
        session = run.create_model()
        with run.watching():
            session.defers = run.config.checkpoints.overlap
            save = session.commit_ahead if session.defers else session.commit
            while not session.done:
                staged = self.advance(session, session.state.epoch + 1)
                if staged.save:
                    save(staged)
            session.settle()
        return run.register(run.evaluate())

    def advance(self, session: Session, epoch: int) -> CheckpointRef:
        """Train until an epoch is done, from wherever the session can be believed to be.

        A session that lost its state goes back to the newest checkpoint that verifies and trains
        the epochs after it again. On the way, checkpoints are committed as the rules say; the last
        state is only staged.

        Raises:
            IntegrityError: no checkpoint verifies.
            InterruptedRunError: a signal came; a checkpoint is committed.
        """
        if not session.intact and session.restore() is None:
            raise IntegrityError(f"run {session.run_id} has no checkpoint that verifies")
        staged = None
        while session.state.epoch < epoch and not session.done:
            if staged is not None and staged.save:
                session.commit(staged)
            staged = self.train_epoch(session)
        return staged or session.reference(min(epoch, session.state.epoch))

    def train_epoch(self, session: Session) -> CheckpointRef:
        """Train one epoch, or the rest of one: from the state that the session is at to the next.

        ::

            on_epoch_begin
            for each batch, in the order that (seed, epoch) gives, from where the state stands:
                on_batch_begin, a step, on_batch_end; then what callbacks or a signal asked for
            on_validation_begin, the validation part is measured, on_validation_end
            on_epoch_end, with all metrics
            the whole state is staged

        Returns:
            A reference to the staged state; `session.commit` makes it durable.

        Raises:
            InterruptedRunError: a signal came; a checkpoint is committed.
        """
        session.intact = False
        started = perf_counter()
        with session.telling_errors():
            if session.state.batch == 0:
                session.state.sums = MetricSums()
                fire(session.callbacks.on_epoch_begin, _epoch_record(session, {}, started))
            self._train_batches(session)
            metrics = session.state.sums.means()
            if self._validation_is_due(session):
                metrics |= self._validate(session, metrics, started)
            return self._end_epoch(session, metrics, started)

    def _train_batches(self, session: Session) -> None:
        """The batches of an epoch that are left, and between two of them what was asked for."""
        state, control, config = session.state, session.control, session.config
        batches = epoch_batches(
            session.rows,
            batch_size=session.batch_size,
            seed=config.seed,
            epoch=state.epoch,
            shuffle=session.shuffle,
            drop_last=config.drop_last,
            start=state.batch,
        )
        asked = control.pending or state.stop_reason is not None
        while not (asked and self._attend(session)):
            with session.undisturbed():
                asked = self._take_steps(session, batches)
            if not asked:
                return

    def _take_steps(self, session: Session, batches: Iterator[Batch]) -> bool:
        """The hot path: a step, its metrics, one look at what was asked for.

        Returns:
            Whether something was asked for; else no batch is left.
        """
        state, control = session.state, session.control
        begin, end = session.callbacks.on_batch_begin, session.callbacks.on_batch_end
        step, add = session.model.train_on_batch, state.sums.add
        for batch in batches:
            size = len(batch.x)
            if begin:
                fire(begin, _batch_record(session, size, {}, begins=1))
            metrics = step(batch)
            add(metrics, size)
            state.batch += 1
            state.step += 1
            if end:
                fire(end, _batch_record(session, size, metrics))
            if control.pending:
                return True
        return False

    def _attend(self, session: Session) -> bool:
        """Do what callbacks or a signal asked for between two batches; True ends the epoch."""
        state, control = session.state, session.control
        state.stop_reason = state.stop_reason or control.stop_reason
        reason, number = control.take_save(), control.signal_number
        if number is not None:
            name = signal.Signals(number).name
            session.commit(session.stage(name))
            at = f"epoch {state.epoch + 1}, batch {state.batch}"
            raise InterruptedRunError(f"interrupted by {name} at {at}; checkpoint saved", number)
        if reason is not None:
            session.commit(session.stage(reason))
            session.intact = False
        return state.stop_reason is not None

    def _validation_is_due(self, session: Session) -> bool:
        epoch, config = session.state.epoch + 1, session.config
        last = epoch == config.epochs or session.state.stop_reason is not None
        due = last or epoch % config.validate_every_n_epochs == 0
        return due and len(session.data.validation.x) > 0

    def _validate(
        self, session: Session, metrics: dict[str, float], started: float
    ) -> dict[str, float]:
        """The same step as training's, without learning; `val_` before the names."""
        callbacks = session.callbacks
        if callbacks.on_validation_begin:
            fire(callbacks.on_validation_begin, _epoch_record(session, metrics, started))
        sums = MetricSums()
        measure = session.model.evaluate_on_batch
        for batch in epoch_batches(
            session.data.validation, batch_size=EVALUATION_BATCH, seed=0, epoch=0, shuffle=False
        ):
            sums.add(measure(batch), len(batch.x))
        measured = sums.means("val_")
        if callbacks.on_validation_end:
            fire(callbacks.on_validation_end, _epoch_record(session, measured, started))
        return measured

    def _end_epoch(
        self, session: Session, metrics: dict[str, float], started: float
    ) -> CheckpointRef:
        state, control = session.state, session.control
        state.epoch, state.batch, state.sums = state.epoch + 1, 0, MetricSums()
        session.end_model_epoch(metrics)
        fire(session.callbacks.on_epoch_end, _epoch_record(session, metrics, started, done=0))
        state.note_best(session.monitor, metrics)
        state.stop_reason = state.stop_reason or control.stop_reason
        save = control.take_save() or ("the end" if session.done else None)
        return session.stage(save, metrics)


def _epoch_record(
    session: Session, metrics: dict[str, float], started: float, done: int = 1
) -> EpochRecord:
    """A record of the running epoch, or with `done=0` of the one just done."""
    return EpochRecord(
        run_id=session.run_id,
        epochs=session.config.epochs,
        epoch=session.state.epoch + done,
        step=session.state.step,
        model=session.model,
        control=session.control,
        measured=metrics,
        seconds=perf_counter() - started,
    )


def _batch_record(
    session: Session, size: int, metrics: Mapping[str, float], begins: int = 0
) -> BatchRecord:
    """A record of the batch just done, or with `begins=1` of the next one."""
    state = session.state
    return BatchRecord(
        run_id=session.run_id,
        epochs=session.config.epochs,
        epoch=state.epoch + 1,
        step=state.step,
        model=session.model,
        control=session.control,
        batch=state.batch + begins,
        batches=session.batches,
        size=size,
        metrics=metrics,
    )
