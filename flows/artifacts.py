"""What the run's page in the UI shows: progress, the table of metrics, the loss curve.

The keys stay the same from run to run of a model, so that the UI shows their history. Writing one
costs 10 to 20 ms, so that they are written at most every few seconds, and at the end. A server
that is silent must not hold up the training: on the way nothing is tried twice.
"""

from __future__ import annotations

import logging
import math
import re
import time
from typing import TYPE_CHECKING, Any, cast

from httpx import HTTPError
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from training.evaluation import loss_curve

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from training.checkpoints import Row
    from training.run import TrainingResult, TrainingRun

SECONDS_BETWEEN = 5.0
SECONDS_AFTER_SILENCE = 60.0
TABLE_ROWS = 200

_AT_ONCE: dict[Any, Any] = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 3.0}

logger = logging.getLogger(__name__)


def show_findings(name: str, findings: list[dict[str, Any]]) -> None:
    """What was found in the data, as a table; nothing where nothing was.

    Args:
        name: of the model.
        findings: rows of plain values.
    """
    if findings:
        _try(
            lambda: create_table_artifact(
                table=findings, key=f"{_key(name)}-findings", description="Findings in the data"
            )
        )


class Dashboard:
    """The artifacts of one run. Their loss is a warning, never the end of a training."""

    def __init__(self, run: TrainingRun) -> None:
        """Show the progress so far."""
        self._run = run
        self._key = _key(run.config.name)
        self._next = time.monotonic() + SECONDS_BETWEEN
        self._progress: UUID | None = None
        _try(self._begin)

    def update(self, epoch: int) -> None:
        """Show the progress after an epoch, now and then."""
        if time.monotonic() >= self._next:
            rows = list(self._run.session.history)
            with temporary_settings(_AT_ONCE):
                shown = _try(lambda: self._show_progress(epoch), lambda: self._show_history(rows))
            self._next = time.monotonic() + (SECONDS_BETWEEN if shown else SECONDS_AFTER_SILENCE)

    def finish(self, result: TrainingResult) -> None:
        """Show the whole."""
        _try(
            lambda: self._show_progress(self._run.config.training.epochs),
            lambda: self._show_history(list(result.rows)),
            self._show_report,
            self._show_attempts,
        )

    def _begin(self) -> None:
        made = create_progress_artifact(
            progress=self._share(self._run.session.state.epoch),
            key=f"{self._key}-progress",
            description=f"Epochs of run {self._run.run_id}",
        )
        self._progress = cast("UUID", made)  # a coroutine only where an event loop runs
        self._show_attempts()

    def _show_progress(self, epoch: int) -> None:
        if self._progress is not None:
            update_progress_artifact(self._progress, progress=self._share(epoch))

    def _show_history(self, rows: list[Row]) -> None:
        create_table_artifact(
            table=[_plain(row) for row in rows[-TABLE_ROWS:]],
            key=f"{self._key}-metrics",
            description=f"Metrics of run {self._run.run_id}, the last {TABLE_ROWS} epochs",
        )
        create_markdown_artifact(
            markdown=loss_curve(rows),
            key=f"{self._key}-loss-curve",
            description=f"Loss of run {self._run.run_id}",
        )

    def _show_report(self) -> None:
        report = self._run.store.read(f"{self._run.record.folder}/report", "report.md")
        create_markdown_artifact(
            markdown=report.decode(),
            key=f"{self._key}-report",
            description=f"Report of run {self._run.run_id}",
        )

    def _show_attempts(self) -> None:
        """What each attempt found, what it used again, and how it ended."""
        create_markdown_artifact(
            markdown=attempts_table(self._run.record.attempts()),
            key=f"{self._key}-attempts",
            description=f"Attempts of run {self._run.run_id}",
        )

    def _share(self, epoch: int) -> float:
        epochs = self._run.config.training.epochs
        return 100.0 * epoch / epochs if epochs else 100.0


def _key(name: str) -> str:
    """Artifact keys have lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _try(*show: Callable[[], Any]) -> bool:
    """Show one after the other, until the server does not take one; whether it took all."""
    try:
        for one in show:
            one()
    except (HTTPError, PrefectException) as error:
        reason = str(error) or type(error).__name__
        logger.warning("the UI did not get an artifact: %s", reason)
        return False
    return True


def attempts_table(attempts: list[dict[str, Any]]) -> str:
    """A line an attempt, in words."""
    lines = ["| attempt | began | on | what it found | how it ended |", "|---|---|---|---|---|"]
    for one in attempts:
        at = one["resumed_from"]
        found = f"{one['reason']}; kept up to epoch {at['epoch']}, batch {at['batch']}" if at else (
            one["reason"]
        )  # fmt: skip
        ended = one["ended"]
        last = f"{ended['status']}: {ended['reason']}" if ended else "at work, or killed"
        cells = (str(one["number"]), one["at"], one["host"], found, last)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _plain(row: Row) -> dict[str, Any]:
    """A row of the table: JSON has no NaN."""
    numbers = {"epoch": row["epoch"], "step": row["step"], **row["metrics"]}
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
