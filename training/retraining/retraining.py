"""One retraining put together: data up to a moment, a challenger, a decision, an outcome."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from training.artifacts import ArtifactStore
from training.data import DataManager
from training.errors import ConfigError, ConflictError, DataError, NotFoundError
from training.evaluation import html_report
from training.registry import ModelReference, ModelRegistry, load_model, open_registry
from training.registry.promotion import DecisionLog, Gate, carry_out, contest, decide
from training.retraining.agents import check_agent
from training.retraining.moment import day_before, has_time, up_to, weekday
from training.retraining.report import retraining_report
from training.retraining.seeds import Seeds
from training.retraining.signs import look_for_signs
from training.retraining.slot import Plan, SlotRecord
from training.retraining.verdict import verdict_of
from training.run import TrainingRun, history_of, run_page
from training.run.tables import pinned_table

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

    import pandas as pd

    from training.config import RunConfig
    from training.data import Table
    from training.registry import ModelVersion, RegisteredModel
    from training.registry.promotion import Contest, Decision
    from training.retraining.moment import Moment
    from training.run import Resume

logger = logging.getLogger("training.retraining")

STATUS = {"promote": "promoted", "reject": "rejected", "await-approval": "awaiting-approval"}


class Retraining:
    """One slot of a schedule, from its data to its outcome.

    The steps, in order: `validate`; if nothing is `skipped`, the `run` is trained as any other;
    then, with the run still held, `decide`, `promote`, `finish`. Each can be repeated: what an
    attempt that was killed had done is found again, and not done twice.

    Attributes:
        run: the training.
        others: the trainings with the following seeds, if there are to be several.
        record: what the storage knows of this retraining.
        plan: what it sets out to do.
        skipped: the outcome, when there is nothing to do.
        result: the outcome, when it is finished.
    """

    run: TrainingRun
    others: tuple[TrainingRun, ...] = ()
    record: SlotRecord
    plan: Plan
    result: dict[str, Any]
    skipped: dict[str, Any] | None = None

    def __init__(
        self,
        config: RunConfig,
        storage: str | os.PathLike[str] | ArtifactStore,
        *,
        as_of: Moment | None = None,
        frame: pd.DataFrame | None = None,
        registry: ModelRegistry | None = None,
        resume: Resume = "auto",
        trusted: Collection[str] | None = None,
    ) -> None:
        """Say what is to be retrained; nothing is read or written before `validate`.

        Args:
            config: the resolved configuration.
            storage: folder, URL or store.
            as_of: rows up to here and none after it; None: all that the source has.
            frame: the rows, for a source of type `dataframe`.
            registry: default: in the storage.
            resume: as for a `TrainingRun`.
            trusted: modules that `module:Class` may name; None: all.

        Raises:
            ConfigError: a rule of promotion that cannot be.
        """
        self.gate = Gate.of(config.promotion)
        self.store = storage if isinstance(storage, ArtifactStore) else ArtifactStore(storage)
        self.registry = registry or open_registry(self.store)
        self.as_of = as_of
        self._asked = config
        self._frame = frame
        self._resume: Resume = resume
        self._trusted = trusted

    @property
    def name(self) -> str:
        """Of the model."""
        return self._asked.name

    @property
    def config(self) -> RunConfig:
        """As it was asked for."""
        return self._asked

    def report(self) -> str | None:
        """The morning report; None: there is none yet."""
        return self.record.report()

    def validate(self) -> dict[str, Any]:
        """Read and check the data, find out what is due; nothing is written.

        Returns:
            What the data are, in plain values.

        Raises:
            DataError: the data are stale, short or broken.
            ConfigError: the configuration cannot be trained.
        """
        check_agent(self._asked)
        run, table = self._read()
        if table.symbol is not None:
            raise ConfigError(
                f"data.symbol_column = {table.symbol!r}: challenger and champion are compared on "
                "the rows of one series; retrain each symbol under a name of its own"
            )
        run.slot = slot = table.description.get("last")
        self._refuse_stale(slot)
        run.table = pinned_table(run) or table
        policy = self._asked.retraining
        what = (run.table.fingerprint, slot, policy.start, str(policy.seeds))
        self.record = SlotRecord.of(self.store, self.name, run.identity_config(), what)
        run.read_data()
        self.plan = self.record.plan or self._planned(run, slot)
        run.start_from = self.plan.started_from
        run.check()
        self.run, self.plan = run, replace(self.plan, run_id=run.run_id)
        self.others = tuple(self._sibling(seed) for seed in range(1, policy.seeds))
        self.skipped = self._unchanged()
        return dict(run.data.description)

    def begin(self) -> Plan:
        """Pin what was found: an attempt that goes on later goes by it."""
        self.plan = self.record.begin(self.plan)
        return self.plan

    def skip(self) -> dict[str, Any]:
        """Write down that there is nothing to do.

        Returns:
            What `retrain update --json` prints.
        """
        assert self.skipped is not None  # noqa: S101 - asked by who has seen it
        self.record.note_skip(self.skipped)
        return self.skipped

    @property
    def seeds(self) -> Seeds:
        """What came of each seed, once all are trained."""
        return Seeds.of((self.run, *self.others))

    def decide(self) -> Decision:
        """Compare challenger and champion, and decide; an attempt before may have done it."""
        version = self._version()
        log, who = DecisionLog(self.registry, version), f"run {self.run.run_id}"
        last = log.last()
        if last is not None:
            return last
        decision = decide(self.gate, self.compare(), self._champion(), who)
        return log.add(decision, 0)

    def promote(self) -> Decision:
        """Carry the decision out; decided again if somebody moved the champion meanwhile.

        Returns:
            The decision that counts.
        """
        version = self._version()
        while True:
            decision = self.decide()
            try:
                carry_out(self.registry, version, decision)
            except ConflictError as error:
                logger.warning("deciding again: %s", error)
                log = DecisionLog(self.registry, version)
                anew = decide(self.gate, self.compare(), self._champion(), decision.who)
                log.add(anew, len(log))
                continue
            return decision

    def compare(self) -> Contest:
        """Challenger and champion on the same held-out newest rows."""
        version, champion = self._version(), self._champion()
        new = self._model(str(version))
        old = self._model(f"{self.name}:{champion}") if champion else None
        table = self.run.table
        assert table is not None  # noqa: S101 - `validate` has read it
        return replace(
            contest(new, old, self.run.data, table, self.run.config), seeds=self.seeds.values
        )

    def finish(self, decision: Decision) -> dict[str, Any]:
        """Write the report and the outcome; the retraining is finished.

        Returns:
            What `retrain update --json` prints.
        """
        seeds, version = self.seeds, self._version()
        result = seeds.chosen.result
        seeds.drop_others(self.registry)
        keep = self.run.config.retraining.keep_last
        if keep is not None:
            self.registry.keep_last(self.name, keep, who=f"run {self.run.run_id}")
        outcome = {
            **self._heading(),
            "status": STATUS[decision.verdict],
            "model": result.model,
            "champion": decision.champion,
            "reason": decision.reason,
            "run_id": result.run_id,
            "epochs_completed": result.epochs_completed,
            "resumed_from": result.resumed_from,
            "redone_epochs": result.redone_epochs,
            "metrics": decision.metrics,
            "baselines": decision.baselines,
            "seeds": seeds.to_json(),
            "held_out": decision.about,
            "curves": decision.curves,
            "start": self.plan.start,
            "signs": self.plan.signs,
            "data": dict(self.run.data.description),
        }
        champion = None
        if decision.champion is not None:
            try:
                champion = self.registry.get(ModelReference(self.name, decision.champion))
            except NotFoundError:
                logger.warning("the champion that was compared with is deleted")
        before = () if champion is None else history_of(self.store, champion.run_id)
        report = retraining_report(outcome, version, champion, (result.rows, before))
        verdict, record = verdict_of(outcome), seeds.chosen.record
        page = run_page(record, result.rows, outcome=result.to_json(), verdict=verdict)
        self.result = self.record.finish(outcome, report, html_report(page))
        return self.result

    def _read(self) -> tuple[TrainingRun, Table]:
        """A run of the configuration cut to the moment, and its rows: whole bars only."""
        run = self._run(up_to(self._asked, self.as_of))
        table = run.manager.load()
        if self.as_of is not None and has_time(self.as_of) and _is_daily(table):
            run = self._run(up_to(self._asked, day_before(self.as_of)))  # this day is not over yet
            table = run.manager.load()
        return run, table

    def _run(self, config: RunConfig) -> TrainingRun:
        return TrainingRun(
            config,
            self.store,
            manager=DataManager(config.data, frame=self._frame, trusted=self._trusted),
            registry=self.registry,
            resume=self._resume,
            trusted=self._trusted,
        )

    def _sibling(self, ahead: int) -> TrainingRun:
        """The run of a later seed, on the same data, from the same weights."""
        run = self.run
        training = run.config.training
        training = training.model_copy(update={"seed": training.seed + ahead})
        other = self._run(run.config.model_copy(update={"training": training}))
        other.slot, other.start_from, other.labels = run.slot, run.start_from, run.labels
        other.take_data(run.table, run.data)
        other.load_data()
        return other

    def _refuse_stale(self, slot: str | None) -> None:
        limit = self._asked.retraining.max_age_days
        if limit is None or self.as_of is None or slot is None:
            return
        import pandas as pd

        moment = pd.Timestamp(self.as_of).tz_localize(None)
        age = (moment - pd.Timestamp(slot).tz_localize(None)) / pd.Timedelta(days=1)
        if age > limit:
            raise DataError(
                f"the data are stale: the newest row up to {self.as_of} is of {slot}, {age:.1f} "
                f"days before, and retraining.max_age_days = {limit:g}; see why the source has no "
                "newer rows, or raise the limit"
            )

    def _planned(self, run: TrainingRun, slot: str | None) -> Plan:
        number = self._champion()
        champion = None if number is None else self._model(f"{self.name}:{number}")
        self._signs = look_for_signs(run, champion, self.registry)
        warm, why = self._start(number, slot)
        return Plan(
            name=self.name,
            slot=slot,
            as_of=self._moment,
            fingerprint=run.data.fingerprint,
            champion=number,
            started_from=f"{self.name}:{number}" if warm else None,
            start=why,
            signs=self._signs.to_json(),
        )

    def _start(self, champion: int | None, slot: str | None) -> tuple[bool, str]:
        """Whether from the champion's weights, and why."""
        config = self._asked.retraining
        if config.start == "fresh":
            return False, "from new weights (retraining.start: fresh)"
        if champion is None:
            return False, "from new weights: there is no champion yet"
        day = weekday(self.as_of, slot)
        if day in config.fresh_on:
            return False, f"from new weights: it is {day.capitalize()}"
        signs = self._signs.of(config.fresh_after)
        if signs:
            return False, f"from new weights: {' and '.join(signs)} since v{champion}"
        return True, f"from the weights of v{champion}"

    def _model(self, reference: str) -> RegisteredModel:
        trusted = self._trusted or self._asked.custom_modules()
        return load_model(self.registry, reference, trusted)

    def _unchanged(self) -> dict[str, Any] | None:
        """The outcome when a version of this configuration on these data is there already."""
        if self._resume == "never":
            return None
        before = self.record.outcome
        if before is not None:
            return self._skipping(before["model"])
        if self.record.plan is not None:
            return None  # an attempt of this slot was killed: it goes on
        newest = max(self.registry.numbers(self.name), default=None)
        if newest is None:
            return None
        version = self.registry.get(ModelReference(self.name, newest))
        same = (version.card.get("identity") or {}).get("config"), version.card.get("fingerprint")
        ours = self.run.identity.config, self.run.identity.fingerprint
        if same == ours and self._asked.retraining.skip_unchanged:
            return self._skipping(version.to_json())
        return self._unneeded(version)

    def _unneeded(self, newest: ModelVersion) -> dict[str, Any] | None:
        """The outcome when the policy is to wait for a sign, and there is none."""
        wanted = self._asked.retraining.only_after
        champion = self._champion()
        if not wanted or champion is None or set(self.plan.signs["seen"]) & set(wanted):
            return None
        since = f"v{champion}"
        return self._skipping(newest.to_json(), f"no {' or '.join(wanted)} since {since}")

    def _skipping(self, model: dict[str, Any], why: str = "") -> dict[str, Any]:
        reason = f"skipped: {why or 'data unchanged since v' + str(model['version'])}"
        logger.info("%s", reason)
        return {
            **self._heading(),
            "as_of": self._moment,
            "status": "skipped",
            "model": model,
            "champion": self._champion(),
            "reason": reason,
            "run_id": self.run.run_id,
        }

    @property
    def _moment(self) -> str | None:
        return None if self.as_of is None else self.as_of.isoformat()

    def _heading(self) -> dict[str, Any]:
        return {"name": self.name, "slot": self.plan.slot, "as_of": self.plan.as_of}

    def _version(self) -> ModelVersion:
        return self.registry.get(
            ModelReference(self.name, self.seeds.chosen.result.model["version"])
        )

    def _champion(self) -> int | None:
        return self.registry.alias(self.name, self._asked.promotion.alias)


def _is_daily(table: Table) -> bool:
    """Whether all times are dates."""
    if table.time is None:
        return False
    times = table.frame[table.time]
    return bool((times == times.dt.normalize()).all())
