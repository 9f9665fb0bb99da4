"""What a person sees while a run works: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from rich.console import RenderableType

    from training.run import TrainingRun

_LOGGERS = ("training",)


class Screen:
    """Writes to standard error: standard output is for results."""

    def __init__(self, run: TrainingRun | None = None) -> None:
        """Watch this run; or none, until there is one."""
        self._console = Console(file=sys.stderr, highlight=False)
        self._bar = _Bar(run, self._console) if self._console.is_terminal else None
        self._handler = _Lines(self._console)

    def __enter__(self) -> Self:
        """Show log lines, and the bar on a terminal."""
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.addHandler(self._handler)
            logger.setLevel(logging.INFO)
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        self.close()

    def close(self) -> None:
        """Show nothing more."""
        if self._bar:
            self._bar.stop()
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self._handler)

    def watch(self, run: TrainingRun) -> None:
        """Watch another run from here on."""
        if self._bar:
            self._bar.run = run

    def say(self, line: str) -> None:
        """A line."""
        self._console.print(line, markup=False)

    def waiting(self, seconds: float) -> None:
        """Show that something is waited for."""
        if self._bar:
            self._bar.show(f"waiting for Prefect's server, {seconds:.0f} s")


class _Lines(logging.Handler):
    """Log records as lines, above the bar where there is one."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        self._console.print(f"{prefix}{record.getMessage()}", markup=False, soft_wrap=True)


class _Bar(Progress):
    """A bar that looks at the run's state when it draws itself: the loop pays nothing for it."""

    def __init__(self, run: TrainingRun | None, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
        )
        self.run = run
        super().__init__(*columns, console=console, transient=True)
        self._bar = self.add_task("loading", total=None)

    def show(self, text: str) -> None:
        """Say what is going on before training begins."""
        self.update(self._bar, description=text)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Draw the state as it is now."""
        session = getattr(self.run, "session", None)
        if session is not None:
            state, epochs = session.state, session.config.epochs
            now: dict[str, Any] = {
                "description": f"epoch {min(state.epoch + 1, epochs)}/{epochs}",
                "total": max(epochs * session.batches, 1),
                "completed": state.epoch * session.batches + state.batch,
            }
            self.update(self._bar, **now)
        return super().get_renderables()
