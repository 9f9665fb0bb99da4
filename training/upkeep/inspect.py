"""Everything that can be said of a storage's health: each byte, each reference, what is left over.

Damage is what reads as an error; missing is what something else refers to; left over is what does
no harm: a dead process left it, or somebody moved it aside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from training.upkeep.finding import Finding
from training.upkeep.models import check_models, interrupted_deletions
from training.upkeep.runs import check_results, check_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts import ArtifactStore


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an inspection found.

    Attributes:
        files: number of files that were looked at.
        bytes: number of bytes that were digested.
        damaged: bytes that are not as they were written, and what no store made.
        missing: what something refers to and is not there.
        left_over: what does no harm.
    """

    files: int
    bytes: int
    damaged: list[Finding] = field(default_factory=list)
    missing: list[Finding] = field(default_factory=list)
    left_over: list[Finding] = field(default_factory=list)


def inspect(store: ArtifactStore, prefix: str = "") -> Inspection:
    """Check every byte and every reference at or below a path; the whole storage by default.

    Raises:
        NotFoundError: there is nothing at that path.
    """
    found = store.verify(prefix)
    result = Inspection(found.files, found.bytes)
    result.damaged.extend(Finding(problem.path, problem.what) for problem in found.problems)
    damaged = [finding.path for finding in result.damaged]
    for finding in (*check_runs(store, prefix), *check_models(store, prefix)):
        if any(path == finding.path or path.startswith(f"{finding.path.rstrip('/')}/")
               for path in damaged):  # fmt: skip
            continue  # it cannot be followed for a reason that is told already
        (result.left_over if finding.is_harmless else result.missing).append(finding)
    if not prefix:
        result.left_over.extend(_left_over(store))
    return result


def _left_over(store: ArtifactStore) -> Iterator[Finding]:
    for path in store.sweep(dry_run=True):
        yield Finding(path, "a process that died left it; `retrain repair` deletes it")
    for path in store.orphans():
        yield Finding(path, "no manifest was put after it; `retrain gc` deletes it")
    for path in store.set_aside():
        yield Finding(path, "it was damaged and moved aside; `retrain gc --quarantine` deletes it")
    yield from check_results(store)
    yield from interrupted_deletions(store)
