"""What was decided about a version, with every figure, kept for ever beside it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from training.errors import ExistsError, IntegrityError
from training.registry.paths import decisions_path

if TYPE_CHECKING:
    from training.registry.documents import Documents
    from training.registry.registry import ModelRegistry
    from training.registry.version import ModelVersion

Verdict = Literal["promote", "reject", "await-approval"]
_VERDICTS = ("promote", "reject", "await-approval")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision about one version.

    Attributes:
        verdict: `promote`, `reject` or `await-approval`.
        reason: in a sentence.
        alias: what the version may get.
        version: its number.
        champion: the version that has the alias, by what was looked at; None: none has.
        judgements: of each rule, in plain values.
        metrics: of the challenger, and of the champion where there is one, on the same rows.
        baselines: of what learns nothing, on the same rows.
        curves: what 1 has become at some of the held-out bars, by name.
        about: how many rows, the first and the last of them, the moments of the curves' points.
        who: decided it: a run, or a person.
        at: when, in UTC.
    """

    verdict: Verdict
    reason: str
    alias: str
    version: int
    champion: int | None
    judgements: tuple[dict[str, Any], ...] = ()
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    baselines: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    who: str = ""
    at: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"judgements": list(self.judgements)}


class DecisionLog:
    """What was decided about one version, one after the other; the last one counts."""

    def __init__(self, registry: ModelRegistry, version: ModelVersion) -> None:
        """Read and write beside this version."""
        self._store: Documents = registry.documents
        self._folder = decisions_path(version.name, version.version)

    def all(self) -> list[Decision]:
        """From the first to the last.

        Raises:
            IntegrityError: one is damaged.
        """
        return [self._read(name) for name in sorted(self._store.numbered(self._folder))]

    def last(self) -> Decision | None:
        """The one that counts; None: nothing was decided.

        Raises:
            IntegrityError: it is damaged.
        """
        name = max(self._store.numbered(self._folder), default=None)
        return self._read(name) if name else None

    def add(self, decision: Decision, after: int) -> Decision:
        """Write a decision down, if so many are there before it; else the last that is there.

        Two processes that decide at once agree on the one that was quicker.
        """
        stamped = decision.to_json() | {"at": datetime.now(UTC).isoformat(timespec="seconds")}
        with suppress(ExistsError):
            self._store.create(f"{self._folder}/{after + 1:08d}.json", stamped)
        last = self.last()
        if last is None:
            raise IntegrityError(f"{self._folder}: what was just written is gone")
        return last

    def __len__(self) -> int:
        """How many were written."""
        return len(self._store.numbered(self._folder))

    def _read(self, name: str) -> Decision:
        path = f"{self._folder}/{name}"
        body = self._store.document(path)
        try:
            decision = Decision(**body | {"judgements": tuple(body["judgements"])})
        except (TypeError, KeyError) as error:
            raise IntegrityError(f"{path} is no decision: {error}; remove it") from None
        if decision.verdict not in _VERDICTS:
            raise IntegrityError(f"{path} is no decision: its verdict is {decision.verdict!r}")
        return decision
