"""Whose a run is, across machines: the newest attempt's, for as long as its heart beats.

On one machine a lock keeps others out, and the kernel frees it with its owner. No lock reaches
other machines (object stores, network folders), so an attempt also writes down that it is alive,
four times a lease. One whose heart has stood still for a lease is taken over by the next.

The number of an attempt is its fence: before anything is made durable, the newest number is looked
up. An owner that was paused for longer than its lease finds a higher one when it wakes, publishes
nothing more and leaves. (A pause between that look and the rename changes nothing: an epoch is a
function of the checkpoint before it, so what it publishes is what its successor would.)
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.artifacts.stage import machine_id
from training.errors import BusyError, IntegrityError, NotFoundError, RetrainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.config import ExecutionConfig
    from training.run.record import RunRecord
    from training.run.run import TrainingRun

BEATS_A_LEASE = 4
LEASES_BEYOND_DOUBT = 10
"""After so many no difference between two machines' clocks is an explanation."""

logger = logging.getLogger("training.run")


@contextmanager
def sole_owner(record: RunRecord, execution: ExecutionConfig) -> Iterator[Lease]:
    """Keep everybody else off a run, on this machine and on others.

    Raises:
        BusyError: somebody works on it, and the configuration says to leave.
    """
    leave = execution.on_busy == "leave"
    lease = Lease(record, execution.lease_seconds)
    with ExitStack() as stack:
        stack.callback(lease.release)
        _lock(record, stack, leave=leave)
        lease.wait(leave=leave)
        yield lease


def is_at_work(record: RunRecord) -> bool:
    """Whether a process works on the run now, here or on another machine."""
    try:
        with record.store.lock(f"{record.folder}/lock"):
            pass
    except BusyError:
        return True
    lease = Lease(record, record.about()["config"]["execution"]["lease_seconds"])
    return lease.is_another_alive()


def refuse_where_busy(run: TrainingRun) -> None:
    """Look before anything is started, where the configuration says to leave a run that is busy.

    Raises:
        BusyError: somebody works on it.
    """
    if run.config.execution.on_busy == "leave" and run.record.is_known and is_at_work(run.record):
        raise BusyError(
            f"another process works on run {run.run_id}; wait for it, stop it, or set "
            "execution.on_busy: wait"
        )


class Lease:
    """Waits until a run is free, and holds it from then on."""

    def __init__(self, record: RunRecord, seconds: float) -> None:
        """Hold nothing yet; `seconds` without a heartbeat make an owner count as dead."""
        self._record = record
        self._seconds = seconds
        self._ended = threading.Event()
        self._heart: threading.Thread | None = None

    def wait(self, *, leave: bool) -> None:
        """Return when nobody works on the run: its owner ended, or is dead.

        Args:
            leave: an owner that is seen to be alive is an error; else it is waited for.

        Raises:
            BusyError: it is alive.
        """
        said = False
        while (owner := self._owner()) is not None:
            if self._watched_until_dead(owner):
                return
            if leave:
                raise BusyError(
                    f"run {self._record.run_id} is trained by process {owner['pid']} on "
                    f"{owner['host']}, whose heart beats; wait for it, or stop it there"
                )
            if not said:
                logger.info("run %s is trained on %s: waiting", owner["run"], owner["host"])
            said = True

    def is_another_alive(self) -> bool:
        """Whether another machine's attempt has shown within a lease that it is alive."""
        owner = self._owner()
        return owner is not None and time.time() - self._heartbeat(owner) <= self._seconds

    def hold(self) -> None:
        """Let the heart beat for the attempt that just began."""
        self._beat()
        if self._heart is None:
            self._heart = threading.Thread(target=self._live, daemon=True, name="heartbeat")
            self._heart.start()

    def release(self) -> None:
        """Stop it."""
        self._ended.set()

    def require(self) -> None:
        """Look whether the run is still ours.

        Raises:
            BusyError: a newer attempt has begun.
        """
        newest = self._record.newest_attempt()
        if newest != self._record.attempt:
            raise BusyError(
                f"attempt {newest} of run {self._record.run_id} has taken over from this one "
                f"({self._record.attempt}), which did not show that it was alive for more than "
                f"{self._seconds:g} s; nothing more is saved here"
            )

    def _live(self) -> None:
        while not self._ended.wait(self._seconds / BEATS_A_LEASE):
            try:
                self._beat()
            except RetrainError as error:
                logger.warning("the storage did not take a heartbeat: %s", error)

    def _beat(self) -> None:
        self._record.beat(time.time())

    def _owner(self) -> dict[str, Any] | None:
        """The newest attempt, if it may be at work on a machine that no lock reaches."""
        note = self._record.last_attempt()
        if note is None or note["ended"] is not None:
            return None
        if note.get("machine") != machine_id():
            return note
        # Here a lock on disk, which the caller holds, would have told; objects have none.
        return note if not self._record.store.is_local and _is_alive(note) else None

    def _watched_until_dead(self, owner: dict[str, Any]) -> bool:
        """Watch an owner; False as soon as its heart beats or it ends."""
        seen = self._heartbeat(owner)
        since = time.monotonic()
        while True:
            silent = time.time() - seen
            watched = time.monotonic() - since
            long_ago = silent > LEASES_BEYOND_DOUBT * self._seconds
            if long_ago or (silent > self._seconds and watched > self._seconds / BEATS_A_LEASE):
                return True
            time.sleep(min(1.0, self._seconds / 60))
            newest = self._record.last_attempt()
            if newest != owner or self._heartbeat(owner) != seen:
                return False

    def _heartbeat(self, owner: dict[str, Any]) -> float:
        try:
            return self._record.heartbeat(owner["number"])
        except (NotFoundError, IntegrityError):  # a power cut may have torn it
            return float(owner["began"])


def _lock(record: RunRecord, stack: ExitStack, *, leave: bool) -> None:
    said = False
    while True:
        try:
            stack.enter_context(record.store.lock(f"{record.folder}/lock"))
        except BusyError:
            if leave:
                raise
            if not said:
                logger.info("another process works on run %s: waiting for it", record.run_id)
            said = True
            time.sleep(1)
        else:
            return


def process() -> dict[str, Any]:
    """This process, for the note of its attempt."""
    return {"machine": machine_id(), "pid_space": _pid_space()}


def _is_alive(note: dict[str, Any]) -> bool:
    """Whether a process of this machine is there; one of another container may be."""
    if note["pid_space"] != _pid_space():
        return True
    try:
        os.kill(note["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return bool(note["pid"] != os.getpid())


def _pid_space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # macOS has one
        return ""
