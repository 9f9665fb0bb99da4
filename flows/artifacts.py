"""What the run's page in the UI shows: an overview, progress, metrics, learning curves, the report.

Writing an artifact costs 10 to 20 ms, so that they are written at most every few seconds, and at
the end. A server that is silent must not hold up the training: on the way nothing is tried twice.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.overview import attempts_page, overview
from flows.pace import Pace, in_words
from flows.showing import Pages, artifact_key, at_once, try_to_show
from training.evaluation import learning_curves, line_chart, thinned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from training.checkpoints import Row
    from training.run import TrainingResult, TrainingRun

SECONDS_BETWEEN = 5.0
SECONDS_AFTER_SILENCE = 60.0
ROWS_ON_THE_WAY = 200
ROWS_AT_THE_END = 2000
"""A server refuses the event of an artifact of some megabytes; a row takes about 150 bytes."""


def show_findings(name: str, findings: list[dict[str, Any]]) -> None:
    """What was found in the data, as a table; nothing where nothing was.

    Args:
        name: of the model.
        findings: rows of plain values.
    """
    if findings:
        try_to_show(
            lambda: create_table_artifact(
                table=findings,
                key=f"{artifact_key(name)}-findings",
                description="Findings in the data",
            )
        )


class Dashboard:
    """The artifacts of one run. Their loss is a warning, never the end of a training."""

    def __init__(self, run: TrainingRun, pace: Pace | None = None) -> None:
        """Show the run as it begins.

        Args:
            run: with its session.
            pace: how long its epochs take; who trains them notes it there.
        """
        self._run = run
        self._pace = pace or Pace()
        self._key = artifact_key(run.config.name)
        self._pages = Pages(run.config.name)
        self._next = time.monotonic() + SECONDS_BETWEEN
        self._progress: UUID | None = None
        try_to_show(self._begin)

    def update(self, epoch: int) -> None:
        """Show the progress after an epoch, now and then."""
        if time.monotonic() >= self._next:
            rows = list(self._run.session.history)
            with at_once():
                shown = try_to_show(
                    lambda: self._show_progress(epoch),
                    lambda: self._show_metrics(rows[-ROWS_ON_THE_WAY:], len(rows)),
                    lambda: self._show_curves(rows),
                )
            self._next = time.monotonic() + (SECONDS_BETWEEN if shown else SECONDS_AFTER_SILENCE)

    def finish(self, result: TrainingResult) -> None:
        """Show the whole."""
        rows = list(result.rows)
        try_to_show(
            lambda: self._show_end(result),
            lambda: self._show_metrics(thinned(rows, ROWS_AT_THE_END), len(rows)),
            lambda: self._show_curves(rows),
            self._show_report,
            self._show_attempts,
            lambda: self._show_overview(result),
        )

    def _begin(self) -> None:
        epoch = self._run.session.state.epoch
        made = create_progress_artifact(
            progress=self._share(epoch),
            key=f"{self._key}-progress",
            description=self._how_far(epoch),
        )
        self._progress = cast("UUID", made)  # a coroutine only where an event loop runs
        self._show_attempts()
        self._show_overview(None)

    def _show_progress(self, epoch: int) -> None:
        if self._progress is not None:
            update_progress_artifact(
                self._progress, progress=self._share(epoch), description=self._how_far(epoch)
            )

    def _show_end(self, result: TrainingResult) -> None:
        """A run that stopped early is done, with fewer epochs than were planned."""
        early = ", stopped early" if result.stopped_early else ""
        done = f"{result.epochs_completed} of {self._run.config.training.epochs}{early}"
        if self._progress is not None:
            description = f"Epochs of run {self._run.run_id}: {done}"
            update_progress_artifact(self._progress, progress=100.0, description=description)

    def _how_far(self, epoch: int) -> str:
        """In words, and how much longer it will take where that is known."""
        epochs, said = self._run.config.training.epochs, f"Epochs of run {self._run.run_id}"
        left = self._pace.left(epochs - epoch) if epoch < epochs else None
        if left is None:
            return f"{said}: {epoch} of {epochs}"
        end = datetime.now(UTC) + timedelta(seconds=left)
        return f"{said}: {epoch} of {epochs}, about {in_words(left)} left, until {end:%H:%M} UTC"

    def _show_metrics(self, rows: Sequence[Row], epochs: int) -> None:
        which = "all" if len(rows) == epochs else f"{len(rows)} of"
        description = f"Metrics of run {self._run.run_id}, {which} {epochs} epochs"
        self._pages.table("metrics", [_plain(row) for row in rows], description)

    def _show_curves(self, rows: list[Row]) -> None:
        pictures = [
            f"## {name.replace('_', ' ')}\n\n{line_chart(lines, 'epoch', f'{name} by epoch')}"
            for name, lines in learning_curves(rows).items()
        ]
        text = "\n\n".join(pictures) or "No finite metric was measured."
        description = f"Learning curves of run {self._run.run_id}"
        self._pages.markdown("learning-curves", text, description)

    def _show_report(self) -> None:
        report = self._run.store.read(f"{self._run.record.folder}/report", "report.md")
        self._pages.markdown("report", report.decode(), f"Report of run {self._run.run_id}")

    def _show_attempts(self) -> None:
        """What each attempt found, what it used again, and how it ended."""
        text = attempts_page(self._run.record.attempts())
        self._pages.markdown("attempts", text, f"Attempts of run {self._run.run_id}")

    def _show_overview(self, result: TrainingResult | None) -> None:
        self._pages.markdown("overview", overview(self._run, result), f"Run {self._run.run_id}")

    def _share(self, epoch: int) -> float:
        epochs = self._run.config.training.epochs
        return 100.0 * epoch / epochs if epochs else 100.0


def _plain(row: Row) -> dict[str, Any]:
    """A row of the table, for the eye: six digits; JSON has no NaN."""
    at = {"epoch": row["epoch"], "step": row["step"]}
    return at | {name: _rounded(value) for name, value in row["metrics"].items()}


def _rounded(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
