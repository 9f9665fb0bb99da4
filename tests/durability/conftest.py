"""What the campaigns share: one tally, printed at the end."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.durability.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

_TALLY = Tally()


@pytest.fixture
def tally() -> Tally:
    """Of the whole session."""
    return _TALLY


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A folder in memory where there is one: the simulator needs no disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes of pytest-xdist hands over what it counted."""
    handed_over: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if handed_over is not None:
        handed_over["tally"] = _TALLY.counts()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - of pytest-xdist, which may be absent
    """Its counts belong into the table."""
    _TALLY.add_counts(getattr(node, "workeroutput", {}).get("tally", ()))  # killed: it has none


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of the campaign."""
    lines = list(_TALLY.lines())
    if lines:
        terminalreporter.section("durability")
        for line in lines:
            terminalreporter.write_line(line)
