"""What the storage knows of each retraining: what it set out to do, and how it ended.

Under `retrainings/NAME/KEY`, where KEY is made of configuration, data and the last bar::

    plan.json                 what was found when it began, pinned: later attempts go by it
    outcome.json              how it ended; made once
    report                    the comparison in Markdown
    skipped/2015-01-31.json   there was nothing to do at that moment
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from blake3 import blake3

from training.errors import ExistsError, IntegrityError

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore
    from training.artifacts.backend import Content

FOLDER = "retrainings"
REPORT = "report.md"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a retraining set out to do.

    Attributes:
        name: of the model.
        slot: the last bar that it looks at; None: rows have no times.
        as_of: the moment that was asked for, in words; None: the last bar of the source.
        fingerprint: of the data.
        champion: the version that had the alias when it began.
        started_from: the version whose weights it begins with; None: new weights.
        run_id: of the training.
        start: why it begins with which weights.
        signs: of drift and decay, in plain values.
    """

    name: str
    slot: str | None
    as_of: str | None
    fingerprint: str
    champion: int | None
    started_from: str | None
    run_id: str = ""
    start: str = ""
    signs: dict[str, Any] = field(default_factory=dict)


class SlotRecord:
    """The documents of one retraining."""

    def __init__(self, store: ArtifactStore, name: str, key: str) -> None:
        """Read and write under `retrainings/NAME/KEY`; nothing is written before `begin`."""
        self.store = store
        self.folder = f"{FOLDER}/{name}/{key}"

    @classmethod
    def of(
        cls, store: ArtifactStore, name: str, config: dict[str, Any], what: tuple[str | None, ...]
    ) -> SlotRecord:
        """The record of a configuration on data.

        Args:
            store: where it is.
            name: of the model.
            config: what of the configuration can change the result.
            what: the data's fingerprint, the last bar, what it starts from.
        """
        canonical = orjson.dumps([config, what], option=orjson.OPT_SORT_KEYS)
        return cls(store, name, blake3(canonical).hexdigest()[:16])

    @property
    def plan(self) -> Plan | None:
        """What the first attempt set out to do; None: there was none.

        Raises:
            IntegrityError: it is damaged.
        """
        path = f"{self.folder}/plan.json"
        if not self.store.exists(path):
            return None
        try:
            return Plan(**self.store.document(path))
        except TypeError as error:
            raise IntegrityError(f"{path} is no plan of a retraining: {error}") from None

    @property
    def outcome(self) -> dict[str, Any] | None:
        """How it ended; None: it has not."""
        path = f"{self.folder}/outcome.json"
        return self.store.document(path) if self.store.exists(path) else None

    def begin(self, plan: Plan) -> Plan:
        """Pin a plan; of several attempts, the first one's counts."""
        with suppress(ExistsError):
            self.store.create(f"{self.folder}/plan.json", asdict(plan))
        return self.plan or plan

    def note_skip(self, outcome: dict[str, Any]) -> None:
        """Write down that there was nothing to do; once for each moment that was asked for."""
        moment = str(outcome["as_of"] or "now").replace(":", "").replace("+", "p")
        with suppress(ExistsError):
            self.store.create(f"{self.folder}/skipped/{moment}.json", outcome)

    def skips(self) -> list[dict[str, Any]]:
        """The moments at which there was nothing to do."""
        folder = f"{self.folder}/skipped"
        return [self.store.document(f"{folder}/{one}") for one in self.store.children(folder)]

    def is_announced(self, event: str) -> bool:
        """Whether the orchestrator is known to have recorded an event of this retraining."""
        return self.store.exists(f"{self.folder}/announced/{event}.json")

    def note_announced(self, event: str) -> None:
        """The orchestrator has recorded an event of this retraining."""
        self.store.replace(f"{self.folder}/announced/{event}.json", {}, durable=False)

    def report(self) -> str | None:
        """The comparison in Markdown; None: there is none yet."""
        folder = f"{self.folder}/report"
        return self.store.read(folder, REPORT).decode() if self.outcome is not None else None

    def finish(self, outcome: dict[str, Any], report: str, page: str) -> dict[str, Any]:
        """Write down how it ended; the first ending stands.

        Args:
            outcome: plain values.
            report: the comparison in Markdown.
            page: the report of the run with its decision, as an HTML file.
        """
        files: dict[str, Content] = {REPORT: report.encode(), "report.html": page.encode()}
        with suppress(ExistsError):
            self.store.commit(f"{self.folder}/report", files)
        with suppress(ExistsError):
            self.store.create(f"{self.folder}/outcome.json", outcome)
        return self.outcome or outcome


def slots(store: ArtifactStore, name: str) -> list[SlotRecord]:
    """The records of all retrainings of a model, in no order."""
    return [SlotRecord(store, name, key) for key in store.children(f"{FOLDER}/{name}")]
