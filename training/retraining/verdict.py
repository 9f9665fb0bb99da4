"""The decision of a retraining as a part of its run's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.errors import StorageError
from training.evaluation import Table, Verdict, earned
from training.retraining.ledger import standing
from training.retraining.report import EARNED, HEADINGS, moments_of
from training.retraining.slot import slots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.artifacts import ArtifactStore

WHO = ("challenger", "champion")


def verdict_about(store: ArtifactStore, name: str, run_id: str) -> Verdict | None:
    """What was decided about the model of a run; None: it was no retraining, or is not decided.

    Args:
        store: where it is.
        name: of the model.
        run_id: of the run.
    """
    for record in slots(store, name):
        try:
            outcome = record.outcome
        except StorageError:  # the ledger shows it as damaged
            continue
        if outcome is not None and outcome["run_id"] == run_id:
            return verdict_of(standing(store, outcome))
    return None


def verdict_of(outcome: Mapping[str, Any]) -> Verdict:
    """A retraining's outcome as it is shown.

    Args:
        outcome: as it is stored.
    """
    model = f"{outcome['model']['name']}:{outcome['model']['version']}"
    moment = outcome["slot"] or outcome["as_of"] or "now"
    return Verdict(
        status=outcome["status"],
        heading=f"{model} {HEADINGS[outcome['status']]}",
        reason=f"As of {moment}, {outcome['start']}. {outcome['reason']}.",
        tables=[one for one in (_measured(outcome), _earned(outcome)) if one.rows],
        curves={
            name.replace("_", " "): [(float(at), value) for at, value in enumerate(values)]
            for name, values in outcome["curves"].items()
        },
        moments=moments_of(outcome),
    )


def _measured(outcome: Mapping[str, Any]) -> Table:
    metrics, baselines = outcome["metrics"], outcome["baselines"]
    rows = []
    for name in dict.fromkeys(name for who in WHO for name in metrics.get(who, {})):
        if earned(name):  # stands in the table after costs, or says nothing of the two
            continue
        plain = name.removeprefix("test_")
        base = baselines.get(f"majority_{plain}", baselines.get(f"last_value_{plain}"))
        rows.append((name, *(metrics.get(who, {}).get(name) for who in WHO), base))
    about = outcome["held_out"]
    span = f", {about['first']} to {about['last']}" if "first" in about else ""
    title = f"On the same {about['rows']} held-out rows{span}"
    return Table(title, ("metric", *WHO, "baseline"), rows)


def _earned(outcome: Mapping[str, Any]) -> Table:
    metrics, baselines = outcome["metrics"], outcome["baselines"]
    rows = []
    for name, title in EARNED.items():
        shown = [metrics.get(who, {}).get(f"test_backtest_{name}") for who in WHO]
        if any(value is not None for value in shown):
            rows.append((title, *shown, baselines.get(f"buy_and_hold_{name}")))
    return Table("After costs", ("measure", *WHO, "buy and hold"), rows)
