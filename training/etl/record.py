"""What the storage knows of each slot of a pipeline.

Under `pipelines/NAME/KEY`, where KEY is made of configuration, last bar and content::

    plan.json       which rows were extracted: later attempts of an unfinished slot go by them
    features.json   the feature table that was made of them, likewise
    outcome.json    what was trained and published; there when the slot is finished
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
from blake3 import blake3

from training.errors import ExistsError, IntegrityError
from training.etl.tables import TableRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts import ArtifactStore

FOLDER = "pipelines"


class SlotOfPipeline:
    """The documents of one slot."""

    def __init__(self, store: ArtifactStore, name: str, key: str) -> None:
        """Read and write under `pipelines/NAME/KEY`."""
        self.store = store
        self.folder = f"{FOLDER}/{name}/{key}"

    @classmethod
    def of(cls, store: ArtifactStore, name: str, config: str, rows: TableRef) -> SlotOfPipeline:
        """The slot of these rows, or an unfinished one with the same last bar: that goes on.

        Args:
            store: where it is.
            name: of the pipeline.
            config: digest of what of the configuration can change the result.
            rows: as they were extracted now.
        """
        for begun in _unfinished(store, name):
            plan = begun.document("plan")
            if plan is not None and (plan["config"], plan["slot"]) == (config, rows.slot):
                return begun
        slot = cls(store, name, digest([config, rows.slot, rows.fingerprint])[:16])
        plan = {"config": config, "slot": rows.slot, "rows": rows.to_json()}
        with suppress(ExistsError):
            store.create(f"{slot.folder}/plan.json", plan)
        return slot

    def table(self, step: str) -> TableRef | None:
        """The table that a step made: `plan` or `features`; None: it was not that far."""
        body = self.document(step)
        try:
            return None if body is None else TableRef(**body["rows"])
        except (KeyError, TypeError) as error:
            raise IntegrityError(f"{self.folder}/{step}.json names no table: {error}") from None

    def note_features(self, made: TableRef) -> None:
        """Pin the feature table."""
        self.store.replace(f"{self.folder}/features.json", {"rows": made.to_json()})

    @property
    def outcome(self) -> dict[str, Any] | None:
        """How it ended; None: it has not."""
        return self.document("outcome")

    def finish(self, outcome: dict[str, Any]) -> None:
        """Write down how it ended; a later publication of the slot takes the place of this one."""
        self.store.replace(f"{self.folder}/outcome.json", outcome)

    def document(self, name: str) -> dict[str, Any] | None:
        """One of them; None: it is not there."""
        path = f"{self.folder}/{name}.json"
        return self.store.document(path) if self.store.exists(path) else None


def digest(what: Any) -> str:  # noqa: ANN401 - plain values
    """Of plain values, whatever the order of their keys."""
    return blake3(orjson.dumps(what, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _unfinished(store: ArtifactStore, name: str) -> Iterator[SlotOfPipeline]:
    for key in store.children(f"{FOLDER}/{name}"):
        slot = SlotOfPipeline(store, name, key)
        if not store.exists(f"{slot.folder}/outcome.json"):
            yield slot
