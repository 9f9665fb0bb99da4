"""What every row of the benchmark has: a limit, an aim, turns taken on one core, and a spread.

A script of this folder names its rows and ends with `main(ROWS)`; it then runs alone
(`python -m tests.benchmarks.bench_engine`) and as a part of `make bench`. A row measures two sides
in one process or with the same tools: the limit (a bare loop, a raw write, an empty flow) and ours.
In each round the limit is measured before ours and again after it, so that the machine's noise
meets both, and the limit against itself says how much of it there was.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Kind = Literal["times", "above", "most"]

_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
_SIGNS = {"times": "times", "above": "above it", "most": ""}


@dataclass(frozen=True, slots=True)
class Aim:
    """How close to its limit a row is to be.

    Attributes:
        kind: `times` the limit, so much `above` it, or at `most`, whatever the limit is.
        value: the highest that meets it.
        unit: of both sides.
        scale: of the unit in what is measured: 1e-6 for µs where seconds are measured.
    """

    kind: Kind
    value: float
    unit: str = ""
    scale: float = 1.0

    def __str__(self) -> str:
        """As the table shows it."""
        unit = "" if self.kind == "times" else f" {self.unit}"
        return f"≤ {self.value:g}{unit} {_SIGNS[self.kind]}".rstrip()

    def figures(self, ours: Sequence[float], limit: Sequence[float]) -> list[float]:
        """One of each round."""
        pairs = zip(ours, limit, strict=True)
        if self.kind == "times":
            return [mine / its for mine, its in pairs]
        return [(mine - (its if self.kind == "above" else 0)) / self.scale for mine, its in pairs]


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, with its quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of several rounds; of a single one, three times the same."""
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    def __str__(self) -> str:
        """As the table shows it."""
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True, slots=True)
class Measured:
    """A row of the table.

    Attributes:
        figure: what is held against the aim.
        noise: the limit measured again, in the same terms: 1 times itself, or 0 above it, is none.
        note: what else is to be known.
    """

    row: str
    limit: str
    aim: str
    is_met: bool
    figure: Spread
    noise: Spread
    ours: Spread
    bare: Spread
    unit: str
    rounds: int
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        sides = f"{self.ours.median:.4g} beside {self.bare.median:.4g} {self.unit}"
        met = "yes" if self.is_met else "**no**"
        return (self.row, self.limit, self.aim, str(self.figure), str(self.noise), sides, met)


HEAD = ("row", "limit", "aim", "measured", "noise: limit again", "ours beside it", "met")

Turn = tuple[float, float, float]
"""The limit, ours, the limit again."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is measured, beside what.

    Attributes:
        turns: gives a turn a round, for as many rounds as it is asked for; seconds, or bytes.
        rounds: counted ones.
        warm: rounds before them, which warm caches up.
    """

    name: str
    limit: str
    aim: Aim
    turns: Callable[[int], Iterator[Turn]]
    rounds: int = 7
    warm: int = 1
    note: str = ""

    def measure(self, rounds: int | None = None) -> Measured:
        """Take the turns."""
        count = rounds or self.rounds
        taken = list(self.turns(count + self.warm))[self.warm :]
        first, ours, again = (list(side) for side in zip(*taken, strict=True))
        bare = [(one + two) / 2 for one, two in zip(first, again, strict=True)]
        figure = Spread.of(self.aim.figures(ours, bare))
        noise = Aim("times", 1) if self.aim.kind == "most" else self.aim
        scaled = [Spread.of([value / self.aim.scale for value in side]) for side in (ours, bare)]
        return Measured(
            self.name,
            self.limit,
            str(self.aim),
            figure.median <= self.aim.value,
            figure,
            Spread.of(noise.figures(again, first)),
            scaled[0],
            scaled[1],
            self.aim.unit,
            len(taken),
            self.note,
        )


def in_turn(
    bare: Callable[[], float], ours: Callable[[], float]
) -> Callable[[int], Iterator[Turn]]:
    """Turns of two sides that need nothing between them."""

    def turns(rounds: int) -> Iterator[Turn]:
        for _ in range(rounds):
            yield bare(), ours(), bare()

    return turns


def pin() -> None:
    """Keep this process and its children on one core, the last, where the system can.

    A library of linear algebra has counted the cores when it was imported. Its other threads would
    wait, busily, on that one core, and slow down whatever comes after a product of matrices.
    """
    if _CORES:
        os.sched_setaffinity(0, {_CORES[-1]})
        threadpool_limits(1)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Processes started within run on the cores that are not measured on, where there are any."""
    if not _CORES:
        yield
        return
    here = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(_CORES[:-1]) or here)
    try:
        yield
    finally:
        os.sched_setaffinity(0, here)


def table(rows: Sequence[Measured], *, markdown: bool = False) -> str:
    """Aligned for the screen, or as Markdown."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    if markdown:
        lines.insert(1, tuple("-" * width for width in widths))
    edge, gap = ("| ", " | ") if markdown else ("", "  ")
    padded = (
        gap.join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "\n".join(f"{edge}{line}{edge[::-1]}".rstrip() for line in padded)


def main(rows: Callable[[], Iterator[Row]]) -> None:
    """Measure the rows of one script: a table on the screen, or into a file as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, help="instead of each row's own")
    parser.add_argument("--only", default="", help="rows whose name has these words")
    parser.add_argument("--json", type=Path, help="write the rows there")
    given = parser.parse_args()
    pin()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else a start compiles our files, not theirs
    done = []
    for row in rows():
        if given.only in row.name:
            done.append(row.measure(given.rounds))
            print("  ".join(done[-1].cells()), file=sys.stderr, flush=True)
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in done]), encoding="utf-8")
    else:
        print(table(done))
