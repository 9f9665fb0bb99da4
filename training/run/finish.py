"""The end of a run: what is measured, what is written on the model's card, the report."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from training.artifacts import digest as digest_of
from training.errors import ExistsError, TrainingError
from training.evaluation import evaluate, html_report, markdown_report
from training.run.page import run_page

if TYPE_CHECKING:
    from training.artifacts.backend import Content
    from training.data import Dataset
    from training.run.result import TrainingResult
    from training.run.run import TrainingRun
    from training.run.session import Session


def require_finite(weights: object, run_id: str) -> None:
    """Refuse a model that has diverged.

    Raises:
        TrainingError: a weight is not a finite number; nothing was registered.
    """
    if isinstance(weights, dict):
        for value in weights.values():
            require_finite(value, run_id)
    elif _has_not_finite(weights):
        raise TrainingError(
            f"run {run_id}: the final weights are not finite numbers, so no model was registered; "
            "lower training.optimizer.learning_rate, set training.clip_norm, or add the callback "
            "early_stopping, which brings the best weights back"
        )


def _has_not_finite(value: object) -> bool:
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return False
    return not bool(np.isfinite(value).all())


def final_metrics(session: Session, run: TrainingRun) -> dict[str, float]:
    """Training metrics of the epoch that the final weights are from, and those held out."""
    digest = digest_of(session.model.state_dict()["weights"])
    epochs = (session.state.epoch, session.callbacks.best_epoch)
    first = session.history.first_epoch
    rows = [session.history.row(epoch) for epoch in epochs if epoch and epoch >= first]
    trained: dict[str, float] = next(
        (row["metrics"] for row in rows if row["digest"] == digest), {}
    )
    kept = {name: value for name, value in trained.items() if not name.startswith("val_")}
    return kept | evaluate(session.model, session.data, run.config.evaluation)


def card(run: TrainingRun, session: Session, metrics: dict[str, float]) -> dict[str, Any]:
    """What is to be known of a registered model, as plain values."""
    return {
        **run.about(),
        "epoch": session.state.epoch,
        "step": session.state.step,
        "best_epoch": session.best_epoch,
        "metrics": metrics,
        "features": list(run.data.features),
        "spec": session.spec.to_json(),
        "trained_until": _trained_until(run.data),
    }


def _trained_until(data: Dataset) -> str | None:
    """The last time that training or the choice of an epoch has seen; None without times."""
    parts = (data.train, data.validation)
    ends = [part.times[-1] for part in parts if part.times is not None and len(part.times)]
    return str(max(ends)) if ends else None


def write_report(run: TrainingRun, result: TrainingResult) -> None:
    """Put the report beside the run, in Markdown and as an HTML file."""
    about = run.about()
    configuration = yaml.safe_dump(about["config"], sort_keys=False)
    text = markdown_report(
        name=run.config.name,
        run_id=run.run_id,
        metrics=result.metrics,
        history=list(result.rows),
        data=about["data"],
        configuration=configuration,
        model=f"{result.model['name']}:{result.model['version']}",
    )
    page = html_report(run_page(run.record, result.rows, outcome=result.to_json()))
    files: dict[str, Content] = {"report.md": text.encode(), "report.html": page.encode()}
    with suppress(ExistsError):  # an attempt that died before the outcome was written got this far
        run.store.commit(f"{run.record.folder}/report", files)
