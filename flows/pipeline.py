"""The flow `pipeline`: extract → transform → retrain → score → publish.

Importing this imports Prefect; `flows.cli` does so only when a flow is to run.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from flows.asked import in_words
from flows.leader import emit_after_crash
from flows.lineage import Lineage, making
from flows.morning import show_ledger
from flows.retrain import UPDATE, retrain
from flows.showing import artifact_key, try_to_show
from flows.slots import missed
from tasks.pipeline import check_pipeline, extract, model_version, predict, publish, transform
from tasks.policies import tried_again
from tasks.retraining import validate_data
from training.config.pipeline import PipelineConfig  # noqa: TC001 - Prefect reads the types
from training.etl import Pipeline, TableRef
from training.etl.predict import Mark
from training.retraining import Retraining, parse_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import Task
    from prefect.assets import Asset

    Answer = dict[str, Any]

WATCH: ContextVar[Callable[[Retraining], None] | None] = ContextVar("WATCH", default=None)
"""Who watches the retraining, where a person started the pipeline from the shell; then rows are
taken up to the last bar, not up to now."""


def _name() -> str:
    parameters = flow_run.parameters
    config = parameters["config"]
    name = config["retrain"]["name"] if isinstance(config, dict) else config.name
    return f"pipeline {name} {parameters.get('as_of') or ''}".rstrip()


@flow(
    name="pipeline",
    flow_run_name=_name,
    on_crashed=[emit_after_crash],
    persist_result=False,
    log_prints=False,
)
@in_words
def pipeline(
    config: PipelineConfig, storage: str = "./artifacts", as_of: str | None = None
) -> dict[str, Any]:
    """Rows in, a model trained and perhaps promoted, the champion's predictions out.

    Killed at any moment and run again, it has trained once and published once.

    Args:
        config: where rows come from, what is made of them, what is trained, where predictions go.
        storage: where tables, runs, checkpoints and the registry are: a folder or a URL.
        as_of: rows up to here and none after it, such as 2016-06-30; default: the time that this
            flow run was scheduled for.

    Returns:
        What `retrain pipeline --json` prints; of a slot of its schedule that was missed, and that
        `retraining.missed_slots` leaves out, the line of the ledger.
    """
    now = None if WATCH.get() else flow_run.scheduled_start_time
    etl = Pipeline(config, storage, as_of=parse_moment(as_of) if as_of else now)
    left_out = missed(etl.store, etl.name, config.retrain.retraining)
    if left_out is not None:
        show_ledger(etl.store, etl.name)
        return left_out
    steps = Steps(etl, Lineage.of(config), tried_again(config.retrain.execution))
    steps.plain(check_pipeline)
    rows = steps.plain(extract)
    features = steps.make(transform, steps.lineage.features, [steps.lineage.source], rows)
    retrained = _retrain(etl, TableRef(**features))
    steps.note_model(retrained)
    outcome = {**_heading(etl, rows, features), "retrained": retrained}
    champion = etl.champion()
    if champion is None:
        outcome |= _unpublished(retrained)
    else:
        predicted = steps.plain(predict, features, str(champion))
        outcome |= {"model": champion.to_json(), **steps.publish(predicted)}
    _show(etl, outcome)
    return outcome


@dataclass(frozen=True, slots=True)
class Steps:
    """Calls the tasks, with the policies of the configuration and the assets that they make."""

    etl: Pipeline
    lineage: Lineage
    options: dict[str, Any]

    def plain(self, task: Task[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - of the task
        """One that makes no asset."""
        return task.with_options(**self.options)(self.etl, *arguments)

    def make(
        self, task: Task[..., Any], asset: Asset, upstream: list[Asset], argument: Answer
    ) -> Answer:
        """One that makes an asset; in a finished slot it makes nothing any more."""
        if self.etl.slot.outcome is not None:
            answer: Answer = self.plain(task, argument)
            return answer
        return making(task, asset, upstream, self.options)(self.etl, argument)

    def note_model(self, retrained: Answer) -> None:
        """The version as an asset, where this slot trained one, in this attempt or an earlier."""
        if self.etl.slot.outcome is None and retrained["trained"]:
            lineage = self.lineage
            making(model_version, lineage.model, [lineage.features], self.options)(retrained)

    def publish(self, predicted: Answer) -> Answer:
        """Publish; in a slot that is finished with this very publication there is nothing to do."""
        mark = Mark(**predicted["mark"])
        if self.etl.is_published(mark):
            told = {**mark._asdict(), "rows": predicted["table"]["rows"], "written": False}
            reason = f"nothing to do: slot {mark.slot} is published, and nothing is new"
            return {"published": told, "status": "already-complete", "reason": reason}
        upstream = [self.lineage.model, self.lineage.features]
        task = making(publish, self.lineage.predictions, upstream, self.options)
        told = task(self.etl, predicted)
        self.etl.finish({"publication": mark.publication, "published": told})
        did = "published" if told["written"] else "had already published"
        reason = f"{did} {told['rows']} rows of slot {mark.slot} to {self.etl.target}"
        return {"published": told, "status": "completed", "reason": reason}


def _retrain(etl: Pipeline, features: TableRef) -> Answer:
    """The flow `retrain` on the feature table, as a flow run of its own within this one."""
    config, url = etl.training_config(features), etl.store.url
    moment = None if etl.as_of is None else etl.as_of.isoformat()
    watch = WATCH.get()
    if watch is None:
        return _in_short(etl, retrain(config, storage=url, as_of=moment))
    work = Retraining(config, etl.store, as_of=etl.as_of)
    validate_data.with_options(retries=0)(work)
    watch(work)
    token = UPDATE.set(work)
    try:
        return _in_short(etl, retrain(config, storage=url, as_of=moment))
    finally:
        UPDATE.reset(token)


def _in_short(etl: Pipeline, outcome: Answer) -> Answer:
    """What of a retraining is said further on; whether this very training made the version."""
    keys = ("status", "reason", "run_id", "model", "champion")
    made = etl.registry.get(f"{etl.name}:{outcome['model']['version']}")
    trained = made.run_id == outcome["run_id"]
    return {**{key: outcome[key] for key in keys}, "trained": trained}


def _heading(etl: Pipeline, rows: Answer, features: Answer) -> Answer:
    as_of = None if etl.as_of is None else etl.as_of.isoformat()
    slot = TableRef(**features).slot
    return {"name": etl.name, "slot": slot, "as_of": as_of, "rows": rows, "features": features}


def _unpublished(retrained: Answer) -> Answer:
    reason = f"nothing is published: there is no champion yet ({retrained['reason']})"
    return {"model": None, "published": None, "status": "unpublished", "reason": reason}


def _show(etl: Pipeline, outcome: Answer) -> None:
    """The slot on one small page in the UI, under a key that stays the same."""
    lines = [
        f"# Slot {outcome['slot']}",
        f"{outcome['reason']}.",
        "| step | made |",
        "|---|---|",
        f"| extract | {outcome['rows']['rows']} rows, `{outcome['rows']['path']}` |",
        f"| transform | {outcome['features']['rows']} rows, `{outcome['features']['path']}` |",
        f"| retrain | {outcome['retrained']['status']}: {outcome['retrained']['reason']} |",
    ]
    if outcome["published"]:
        model = f"{outcome['model']['name']}:{outcome['model']['version']}"
        lines += [
            f"| predict | {outcome['published']['rows']} rows by {model} |",
            f"| publish | publication `{outcome['published']['publication']}` at {etl.target} |",
        ]
    text = "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:])
    key = f"{artifact_key(etl.name)}-pipeline"
    try_to_show(
        lambda: create_markdown_artifact(
            markdown=text, key=key, description=f"Pipeline of {etl.name}"
        )
    )
