"""What a campaign comes to: how often something was tried, and what was found."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from training.errors import RetrainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.durability.operations import Operation
    from training.artifacts import ArtifactStore

ROWS = ("kills", "crash states", "errors injected", "images", "flips", "races")
FAULTS = ("torn", "lost after return", "silent", "duplicate", "leaked outside")
OURS = "this project"


class Tally:
    """Counts, by writer and row."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Counter[str]] = {}

    def add(self, row: str, faults: Iterable[str], writer: str = OURS, tried: int = 1) -> None:
        """Note one try, or several, and each fault that it showed."""
        counts = self._counts.setdefault((writer, row), Counter())
        counts["tried"] += tried
        counts.update(faults)

    def faults(self, row: str, writer: str = OURS) -> dict[str, int]:
        """What was found so far in a row, without zeros."""
        counts = self._counts.get((writer, row), Counter())
        return {fault: counts[fault] for fault in FAULTS if counts[fault]}

    def counts(self) -> list[tuple[str, str, dict[str, int]]]:
        """Everything, so that another process can add it to its own."""
        return [(*key, dict(counts)) for key, counts in self._counts.items()]

    def add_counts(self, found: Iterable[tuple[str, str, dict[str, int]]]) -> None:
        """Add what another process counted."""
        for writer, row, counts in found:
            self._counts.setdefault((writer, row), Counter()).update(counts)

    def lines(self) -> Iterator[str]:
        """The table."""
        if not self._counts:
            return
        head = ("writer", "", "tried", *FAULTS)
        widths = (20, 16, *(max(len(name), 7) for name in head[2:]))
        yield _line(head, widths)
        writers = sorted({writer for writer, _ in self._counts}, key=lambda name: name != OURS)
        for writer in writers:
            for row in ROWS:
                if (writer, row) in self._counts:
                    counts = self._counts[writer, row]
                    yield _line((writer, row, *(counts[n] for n in head[2:])), widths)


def judge(store: ArtifactStore, operation: Operation, *, returned: bool) -> Iterator[str]:
    """What is wrong after an operation was cut off, or was done.

    Then it is swept and asked for again, as whoever starts the run again does.
    """
    from tests.durability.operations import check_kept

    try:
        check_kept(store)
        found = operation.look(store)
    except (AssertionError, RetrainError):
        yield "torn"
        return
    if returned and found != "new":
        yield "lost after return"
    store.sweep()
    try:
        operation.act(store)
        check_kept(store)
        assert operation.look(store) == "new"
    except (AssertionError, RetrainError):
        yield "torn"
    if store.versions("reports", "p")[-1] > 3 or len(store.numbered("models/m/versions")) > 3:
        yield "duplicate"


def outside(root: Path) -> list[str]:
    """Everything beside a store."""
    return sorted(str(path) for path in root.parent.rglob("*") if root not in (path, *path.parents))


def _line(cells: Iterable[object], widths: Iterable[int]) -> str:
    texts = [
        f"{cell:<{width}}" if isinstance(cell, str) and not cell.isdigit() else f"{cell:>{width}}"
        for cell, width in zip(cells, widths, strict=True)
    ]
    return "  ".join(texts).rstrip()
