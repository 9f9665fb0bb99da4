"""The flow `approve`: a person decides in the UI about a version that awaits approval.

Deployed by itself: it suspends, and takes no place of a worker while it waits; a retraining, alone
or within a larger pipeline, never waits for anybody.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run

from flows.environment import take_environment
from flows.events import announce
from training.artifacts import ArtifactStore
from training.registry import open_registry
from training.registry.promotion import DecisionLog, approve, turn_down

WEEK = 7 * 24 * 3600


class Answer(RunInput):
    """The form of the UI."""

    promote: bool = False
    """Give it the alias; else it is turned down."""
    who: str
    """Your name, for the history."""
    why: str = ""
    """For the history."""


def _name() -> str:
    return f"approve {flow_run.parameters['model']}"


@flow(name="approve", flow_run_name=_name, persist_result=False)
def approve_model(
    model: str, storage: str = "./artifacts", wait_seconds: int = WEEK
) -> dict[str, Any]:
    """Wait until a person has decided about a version, then carry it out.

    Args:
        model: `NAME:VERSION`; without a version, the newest.
        storage: where the registry is: a folder or a URL.
        wait_seconds: after so long without an answer the flow run fails.

    Returns:
        `model`, `verdict`, `reason`, `who`.
    """
    take_environment()
    store = ArtifactStore(storage)
    registry = open_registry(store)
    version = registry.get(model)
    decision = DecisionLog(registry, version).last()
    if decision is not None and decision.verdict == "await-approval":
        text = f"**{version}**: {decision.reason}"
        form = Answer.with_initial_data(description=text)
        answer: Answer = suspend_flow_run(wait_for_input=form, timeout=wait_seconds)
        decide = approve if answer.promote else turn_down
        decision = decide(registry, version, why=answer.why, who=answer.who)
        announce(store, version.name)
    known = None if decision is None else (decision.verdict, decision.reason, decision.who)
    verdict, reason, who = known or (None, f"nothing was decided about {version}", "")
    return {"model": version.to_json(), "verdict": verdict, "reason": reason, "who": who}
