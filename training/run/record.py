"""What the storage knows of runs: what each is, its attempts, how it ended.

Under `runs/RUN`::

    run.json                 what the run is: made once, when it first starts
    attempts/00000001.json   an attempt began: where, in which process, from which checkpoint
    heartbeats/00000001.json it was alive then; see `training.run.lease`
    endings/00000001.json    it ended and could say so; one that was killed has none
    heard/00000001.json      the orchestrator heard of that ending; may be lost
    source.json              what a finished run is known by without its data; may be lost
    progress.json            the last epoch that was begun; may be lost, nothing depends on it
    checkpoints/, history/   see `training.checkpoints`
    report                   the report in Markdown
    outcome.json             the run is finished: its metrics, its model; made once
"""

from __future__ import annotations

import logging
import os
import platform
import time
from contextlib import suppress
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from training.artifacts.shapes import METRICS, NUMBER, TEXT_OR_NOTHING, Shape, require
from training.errors import ExistsError, InputError, NotFoundError, StorageError, did_you_mean
from training.secrets import without_secrets

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore

logger = logging.getLogger("training.run")

RUNS = "runs"

_RUN: Shape = {
    "run_id": str,
    "name": str,
    "config": {"training": {"epochs": int}, "execution": {"lease_seconds": NUMBER}},
    "identity": {
        "config": dict,
        "fingerprint": str,
        "slot": TEXT_OR_NOTHING,
        "parent": TEXT_OR_NOTHING,
    },
    "data": dict,
    "parent": TEXT_OR_NOTHING,
}
_ATTEMPT: Shape = {"at": str, "host": str, "pid": int, "began": NUMBER, "reason": str}
_ENDING: Shape = {"status": str, "reason": str, "at": str}
_OUTCOME: Shape = {
    "result": {
        "run_id": str,
        "metrics": METRICS,
        "model": {"name": str, "version": int, "digest": str},
        "checkpoint": {"uri": str, "digest": str},
    }
}


class RunRecord:
    """The documents of one run."""

    def __init__(self, store: ArtifactStore, run_id: str) -> None:
        """Read and write under `runs/RUN`; nothing is written before `begin`."""
        self.store = store
        self.run_id = run_id
        self.folder = f"{RUNS}/{run_id}"
        self.attempt = 0
        """The number of the attempt that this process began; 0 before."""

    @property
    def outcome(self) -> dict[str, Any] | None:
        """How the run ended, if it is finished."""
        return self._found("outcome.json", _OUTCOME)

    @property
    def is_known(self) -> bool:
        """Whether the run was ever started; of what can be no name, none was."""
        try:
            return self.store.exists(f"{self.folder}/run.json")
        except InputError:
            return False

    def about(self) -> dict[str, Any]:
        """What the run is.

        Raises:
            NotFoundError: there is no such run; with the nearest that there is.
            IntegrityError: it is damaged, or no run is described there.
        """
        if not self.is_known:
            raise NotFoundError(
                f"there is no run {self.run_id!r} in {self.store.url}; "
                f"{did_you_mean(self.run_id, self.store.children(RUNS))}"
            )
        return self._document("run.json", _RUN)

    def attempts(self) -> list[dict[str, Any]]:
        """Each attempt, with its ending under `ended` (None: killed, or still at work)."""
        return [self._attempt_note(name) for name in sorted(self._numbered("attempts"))]

    def last_attempt(self) -> dict[str, Any] | None:
        """The newest of `attempts`; None before any."""
        number = self.newest_attempt()
        return self._attempt_note(f"{number:08d}.json") if number else None

    def newest_attempt(self) -> int:
        """Its number; 0 before any."""
        return max(map(_number, self._numbered("attempts")), default=0)

    def beat(self, now: float) -> None:
        """This attempt is alive.

        Args:
            now: seconds since 1970, by this machine's clock.
        """
        path = f"{self.folder}/heartbeats/{self.attempt:08d}.json"
        self.store.replace(path, {"at": now}, durable=False)

    def heartbeat(self, attempt: int) -> float:
        """When an attempt was last known to be alive, by its own machine's clock.

        Raises:
            NotFoundError: it never said so.
        """
        found = self._document(f"heartbeats/{attempt:08d}.json", {"at": NUMBER})
        return float(found["at"])

    def _attempt_note(self, name: str) -> dict[str, Any]:
        note = self._document(f"attempts/{name}", _ATTEMPT)
        return {**note, "number": _number(name), "ended": self._found(f"endings/{name}", _ENDING)}

    def begin(self, about: dict[str, Any], start: dict[str, Any]) -> None:
        """Write down that an attempt begins.

        Args:
            about: what the run is; written by the first attempt.
            start: where this attempt starts from.
        """
        if not self.is_known:
            self._create_once("run.json", about)
        self.attempt = self.newest_attempt()
        note = {
            "run": self.run_id,
            "host": platform.node(),
            "pid": os.getpid(),
            "at": _now(),
            "began": time.time(),
            **start,
        }
        while True:
            self.attempt += 1
            try:
                self.store.create(f"{self.folder}/attempts/{self.attempt:08d}.json", note)
            except ExistsError:
                continue
            return

    def end(self, status: str, reason: str) -> None:
        """Write down how this attempt ended, if it began; the first ending stands."""
        if self.attempt:
            note = {"status": status, "reason": without_secrets(reason), "at": _now()}
            self._create_once(f"endings/{self.attempt:08d}.json", note)

    def ending(self) -> dict[str, Any] | None:
        """How this process's attempt ended, if that is written down."""
        return self._found(f"endings/{self.attempt:08d}.json", _ENDING)

    def finish(self, outcome: dict[str, Any]) -> None:
        """The run is finished."""
        self._create_once("outcome.json", outcome | {"at": _now()})

    @property
    def is_heard(self) -> bool:
        """Whether the orchestrator is known to have heard how the last attempt ended."""
        return self.store.exists(f"{self.folder}/heard/{self.newest_attempt():08d}.json")

    def note_heard(self) -> None:
        """The orchestrator knows how the last attempt ended."""
        path = f"{self.folder}/heard/{self.newest_attempt():08d}.json"
        self.store.replace(path, {"at": _now()}, durable=False)

    def is_announced(self, event: str) -> bool:
        """Whether the orchestrator is known to have recorded an event of this run."""
        return self.store.exists(f"{self.folder}/announced/{event}.json")

    def note_announced(self, event: str) -> None:
        """The orchestrator has recorded an event of this run."""
        self.store.replace(f"{self.folder}/announced/{event}.json", {"at": _now()}, durable=False)

    def reopen(self) -> None:
        """Take the outcome back, for a run that is to start afresh."""
        if self.outcome is not None:
            self.store.remove(f"{self.folder}/outcome.json")

    def note_progress(self, epoch: int) -> None:
        """An epoch is begun."""
        self.store.replace(f"{self.folder}/progress.json", {"epoch": epoch}, durable=False)

    def progress(self) -> int:
        """The last epoch that was begun by any attempt, as far as it is known."""
        try:
            return int(self._document("progress.json", {"epoch": int})["epoch"])
        except (NotFoundError, StorageError):
            return 0  # it may be lost in a power cut: then nothing is said of work done again

    def _document(self, name: str, shape: Shape) -> dict[str, Any]:
        path = f"{self.folder}/{name}"
        body: dict[str, Any] = require(self.store.document(path), shape, path)
        return body

    def _found(self, name: str, shape: Shape) -> dict[str, Any] | None:
        there = self.store.exists(f"{self.folder}/{name}")
        return self._document(name, shape) if there else None

    def _numbered(self, part: str) -> list[str]:
        return self.store.numbered(f"{self.folder}/{part}")

    def _create_once(self, name: str, body: dict[str, Any]) -> None:
        with suppress(ExistsError):  # an attempt of this identity wrote the same before it died
            self.store.create(f"{self.folder}/{name}", body)


def _number(name: str) -> int:
    return int(name[:8])


def run_ids(store: ArtifactStore) -> list[str]:
    """All runs that the storage knows."""
    return [name for name in store.children(RUNS) if RunRecord(store, name).is_known]


def runs_of(store: ArtifactStore, name: str) -> list[dict[str, Any]]:
    """What each run of a model's name is, the one that was started last first.

    A damaged one is logged and left out: nothing that a new run needs depends on it.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    for run_id in run_ids(store):
        if not run_id.startswith(f"{name}-"):
            continue
        record = RunRecord(store, run_id)
        try:
            about, last = record.about(), record.last_attempt()
        except StorageError as error:
            logger.warning("an earlier run is damaged: %s", error)
            continue
        if about["name"] == name:
            found.append((last["at"] if last else "", about))
    return [about for _, about in sorted(found, key=itemgetter(0), reverse=True)]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
