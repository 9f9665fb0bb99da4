"""One run put together: what it is, where it stands, and each step of its chain."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from training.artifacts import ArtifactStore
from training.callbacks import CallbackList, build_callbacks
from training.checkpoints import CheckpointManager, History, environment
from training.config.agents import AGENTS
from training.config.model import window_of
from training.data import DataManager, count_batches
from training.errors import IntegrityError, InterruptedRunError
from training.evaluation import check_evaluation
from training.models import ModelFactory
from training.registry import ModelRegistry, open_registry
from training.run.continuity import refuse_another_run, say_what_changed, stored_history, take_over
from training.run.deadline import EpochDeadline
from training.run.environments import (
    check_source,
    described,
    in_batches,
    numbered,
    worlds_of,
)
from training.run.finish import card, final_metrics, require_finite, write_report
from training.run.identity import Identity
from training.run.keeper import RunKeeper, redone_epochs
from training.run.lease import process, sole_owner
from training.run.origin import begin_with, origin_of
from training.run.record import RunRecord
from training.run.result import TrainingResult
from training.run.session import Session
from training.run.signals import graceful_stop
from training.run.start import Start, after_verification, decide
from training.run.tables import earlier_data, is_kept, keep, table_of
from training.types import ModelSpec

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Iterator

    from training.callbacks import CallbackBase
    from training.config import RunConfig, TrainingConfig
    from training.data import Dataset, Table
    from training.models import Model
    from training.run.start import Resume

logger = logging.getLogger("training.run")


class TrainingRun:
    """One training, from its configuration to its registered model.

    The steps, in order: `load_data`, `held`, `create_model`, the engine's epochs within `watching`,
    `evaluate`, `register`. Nothing that it holds could not be found again in the storage.

    Attributes:
        labels: plain values that the note of this attempt is to have besides.
        table: the rows, where they are read already or kept; None: `load_data` reads the source.
    """

    data: Dataset
    session: Session
    result: TrainingResult

    def __init__(  # noqa: PLR0913 - everything that decides a run, in one place
        self,
        config: RunConfig,
        storage: str | os.PathLike[str] | ArtifactStore,
        *,
        manager: DataManager | None = None,
        registry: ModelRegistry | None = None,
        callbacks: CallbackList | Iterable[CallbackBase] = (),
        slot: str | None = None,
        parent: str | None = None,
        start_from: str | None = None,
        expect: str | None = None,
        resume: Resume = "auto",
        trusted: Collection[str] | None = None,
    ) -> None:
        """Say what is to be trained; nothing is read or written before `load_data`.

        Args:
            config: the resolved configuration.
            storage: folder, URL or store.
            manager: a data manager that holds a DataFrame, or has loaded already.
            registry: default: in the storage.
            callbacks: besides those of the configuration; a `CallbackList` stands for all of them.
            slot: what sets this run apart from another of the same configuration and data.
            parent: a run that this one trains on from.
            start_from: a registered version whose weights this one begins with, `NAME:VERSION`.
            expect: the run that this is to be; another is an error that names what differs.
            resume: `auto`: go on where there is something to go on from; `never`: start afresh;
                `must`: an error when there is nothing.
            trusted: modules that `module:Class` may name; None: all.
        """
        self.config = config
        self.store = storage if isinstance(storage, ArtifactStore) else ArtifactStore(storage)
        self.registry = registry or open_registry(self.store)
        self.start = Start("")
        self.labels: dict[str, Any] = {}
        self._manager = manager or DataManager(config.data, trusted=trusted)
        self.parent = parent
        self.start_from = start_from
        self.slot, self.expect = slot, expect
        self.table: Table | None = None
        self.resume: Resume = resume
        self._trusted = trusted
        self._keeper = RunKeeper(self)
        self._callbacks = self._all_callbacks(callbacks)
        self._redone = 0

    def load_data(self) -> dict[str, Any]:
        """Read and check the data, and find out which run this is; nothing is written.

        Returns:
            What the data are, in plain values.

        Raises:
            DataError: the data are wrong, with all findings.
            ConfigError: this is not the run that was named.
        """
        if hasattr(self, "data") and hasattr(self, "identity"):
            return dict(self.data.description)
        self.read_data()
        self.identify(self.data.fingerprint)
        refuse_another_run(self, self.expect)
        return dict(self.data.description)

    def identify(self, fingerprint: str) -> None:
        """Which run this is, by the fingerprint of its data; nothing is written."""
        parent = self.parent if self.start_from is None else origin_of(self, self.start_from)
        self.identity = Identity(self.identity_config(), fingerprint, self.slot, parent)
        self.run_id = self.identity.run_id(self.config.name)
        self.record = RunRecord(self.store, self.run_id)
        folder = f"{self.record.folder}/checkpoints"
        self.checkpoints = CheckpointManager(self.store, folder, self.config.checkpoints.keep)

    def identity_config(self) -> dict[str, Any]:
        """What of the configuration and the callbacks decides which run this is."""
        return self.config.identity() | {"callbacks": self._callbacks.identity()}

    def read_data(self) -> None:
        """Read and check the data; which run this is may still be decided by what they show.

        Raises:
            DataError: the data are wrong, with all findings.
        """
        if not hasattr(self, "data"):
            check_source(self.config)
            manager = self.manager
            if self.table is None:
                self.table = table_of(self, manager)
            self.take_data(self.table, manager.get_data(self.table))

    def take_data(self, table: Table | None, data: Dataset) -> None:
        """Train on these: what was read just now, or by another run of the same data."""
        self.table, self.data = table, data
        self._worlds = worlds_of(self.config, data, table, self._trusted)
        self._rows = self._numbered()

    @property
    def manager(self) -> DataManager:
        """Reads the data as this run's model sees them, and holds them against earlier runs'."""
        window = window_of(self.config.model)
        return self._manager.knowing(window=window, earlier=earlier_data(self))

    def check(self) -> None:
        """Everything that can be found wrong before the first epoch; nothing is written.

        Raises:
            InputError: with what is wrong and the way out.
        """
        check_evaluation(self.config.data, self.config.evaluation)
        self.load_data()
        self._new_model()

    def about(self) -> dict[str, Any]:
        """What this run is, in plain values: stored with it and with all that it makes."""
        return {
            "run_id": self.run_id,
            "name": self.config.name,
            "config": self.config.model_dump(mode="json", by_alias=True),
            "identity": self.identity.to_json(),
            "fingerprint": self.data.fingerprint,
            "data": dict(self.data.description),
            "parent": self.parent,
            "started_from": self.start_from,
            "environment": environment(),
        }

    @contextmanager
    def held(self) -> Iterator[Start]:
        """Keep other processes off this run, and decide how it starts.

        Raises:
            BusyError: another process works on it, and the configuration says to leave.
            NotFoundError: it must go on, and there is nothing to go on from.
        """
        with sole_owner(self.record, self.config.execution) as self._lease:
            self.start = decide(self, self.resume)
            logger.info("%s", self.start.reason)
            try:
                yield self.start
            except BaseException as error:
                status = "failed" if isinstance(error, Exception) else "interrupted"
                self.record.end(status, f"{type(error).__name__}: {error}")
                raise

    def create_model(self) -> Session:
        """The session, at the newest checkpoint that verifies, or at a new model's first."""
        self.store.sweep()
        if self.resume == "never":
            self._forget()
        found = self.checkpoints.newest(set_aside=True) if self.start.checkpoint else None
        self.session = session = self._new_session()
        self.start = after_verification(self, found[0] if found else None)
        if self.table is not None and is_kept(self.config):
            keep(self, self.table)
        at = self._resumed_from()
        note = {"resumed_from": at, "reason": self.start.reason, **process(), **self.labels}
        self.record.begin(self.about(), note)
        self._lease.hold()
        if found is None:
            session.begin(resumed=False)
        else:
            session.take(*found, begin=True)
            self._redone = redone_epochs(self.record.progress(), session)
            say_what_changed(self, found[0])
            self._keeper.catch_up(found[0])
            return session
        if self.parent is not None:
            take_over(self, self.parent)
        if self.start_from is not None:
            begin_with(self, self.start_from)
        session.commit(session.stage("the start"))
        return session

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Answer SIGINT and SIGTERM with a checkpoint while epochs are trained."""
        grace = self.config.execution.grace_seconds
        with self.store.drafting(), graceful_stop(self.session.control, grace):
            try:
                yield
            except InterruptedRunError as error:
                self.record.end("interrupted", str(error))
                raise

    def evaluate(self) -> dict[str, float]:
        """Measure the final model: the last epoch's, or what a callback put in its place.

        Raises:
            TrainingError: its weights are not finite.
        """
        self.session.end()
        require_finite(self.session.model.state_dict()["weights"], self.run_id)
        return final_metrics(self.session, self)

    def register(self, metrics: dict[str, float]) -> TrainingResult:
        """Register the final model, write the report and the outcome: the run is finished."""
        session = self.session
        self._lease.require()
        version = self.registry.save_model(
            self.config.name,
            session.model.state_dict()["weights"],
            self.data.pipeline.state_dict(),
            card(self, session, metrics),
        )
        self.checkpoints.prune()  # an attempt that died between its last commit and this
        last = self.checkpoints.refs()[0]
        state = session.state
        self.result = result = TrainingResult(
            run_id=self.run_id,
            status="completed",
            epochs_completed=state.epoch,
            stopped_early=state.stop_reason is not None,
            stop_reason=state.stop_reason,
            best_epoch=session.best_epoch,
            metrics=metrics,
            checkpoint={"uri": f"{self.store.url}/{last.uri}", "digest": last.digest},
            model=version.to_json(),
            resumed_from=self._resumed_from(),
            redone_epochs=self._redone,
            reason=self.start.reason,
            rows=tuple(session.history),
        )
        write_report(self, result)
        self.record.finish({"result": result.to_json()})
        self.record.end("completed", f"registered {version.name}:{version.version}")
        return result

    def completed(self) -> TrainingResult:
        """The result of a run that was finished before.

        Raises:
            IntegrityError: its outcome is none that this project wrote.
        """
        outcome = self.record.outcome or {}
        now = {"status": "already-complete", "resumed_from": None, "redone_epochs": 0}
        known = outcome["result"] | now | {"reason": self.start.reason}
        uri = known["checkpoint"]["uri"]  # the storage may have been moved since
        here = f"{self.store.url}/{self.record.folder}{uri.rpartition(self.record.folder)[2]}"
        known["checkpoint"] = known["checkpoint"] | {"uri": here}
        rows = stored_history(self.checkpoints, self.record)
        try:
            self.result = TrainingResult(**known, rows=rows)
        except TypeError as error:
            raise IntegrityError(f"{self.record.folder}/outcome.json: {error}") from None
        return self.result

    def _all_callbacks(self, given: CallbackList | Iterable[CallbackBase]) -> CallbackList:
        config = self.config
        ours = (self._keeper, EpochDeadline(config.execution.epoch_timeout_seconds))
        if not isinstance(given, CallbackList):
            given = build_callbacks(config.callbacks, config.checkpoints, given, self._trusted)
        return CallbackList([*given, *ours])

    def _numbered(self) -> tuple[Dataset, TrainingConfig]:
        """What the model's rows are, and how they are gone through."""
        model, training = self.config.model, self.config.training
        if self._worlds is None or not isinstance(model, AGENTS):
            return self.data, training
        return numbered(self.data, model, self._worlds), in_batches(training, model)

    def _new_session(self) -> Session:
        data, training = self._rows
        return Session(
            run_id=self.run_id,
            config=training,
            data=data,
            spec=self._spec,
            model=self._new_model(),
            callbacks=self._callbacks,
            checkpoints=self.checkpoints,
            history=History(self.store, f"{self.record.folder}/history"),
            metadata=self.about(),
            guard=self._lease.require,
            overlap=self.config.checkpoints.overlap,
        )

    @property
    def batches(self) -> int:
        """Batches an epoch has: one for a model that learns from all rows at once."""
        whole = getattr(self._new_model(), "learns_whole_epochs", False)
        return 1 if whole else self._spec.batches_per_epoch

    def _new_model(self) -> Model:
        config = self.config
        factory = ModelFactory(self._trusted, self._worlds)
        return factory.get_model(config.model, self._spec, config.training)

    @property
    def _spec(self) -> ModelSpec:
        data, training = self._rows
        return ModelSpec(
            inputs=len(self.data.features),
            outputs=self.data.outputs,
            task=self.data.task,
            dtype=self.config.data.dtype,
            seed=training.seed,
            epochs=training.epochs,
            batches_per_epoch=count_batches(
                len(data.train.x), training.batch_size, drop_last=training.drop_last
            ),
            window=window_of(self.config.model),
            spaces=described(self._worlds),
        )

    def _resumed_from(self) -> dict[str, int] | None:
        ref = self.start.checkpoint
        return {"epoch": ref.epoch, "batch": ref.batch} if ref else None

    def _forget(self) -> None:
        """Start afresh: what earlier attempts of this run left is removed."""
        self.record.reopen()
        self.checkpoints.clear()
        self.store.remove(f"{self.record.folder}/history")
