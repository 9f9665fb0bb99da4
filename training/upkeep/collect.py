"""What a storage no longer needs: found, told, and deleted only when that is asked for.

Never what a version, an alias or a run in progress needs: versions are copies of their own, the
newest checkpoint of a run always stays, and a run at work is left alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from training.checkpoints import CheckpointManager
from training.config import CheckpointsConfig
from training.errors import RetrainError
from training.run import RunRecord, is_at_work, run_ids
from training.upkeep.models import interrupted_deletions
from training.upkeep.runs import check_results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts import ArtifactStore


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing that is not needed.

    Attributes:
        path: in the store.
        why: in words.
        bytes: that are free once it and what was told before it are gone: of a file that several
            have (a piece of large state), all of it with the last of them, none if one stays.
        run: the run that it belongs to, if any.
        artifact: kind, name and number of a numbered artifact.
    """

    path: str
    why: str
    bytes: int = 0
    run: str | None = None
    artifact: tuple[str, str, int] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What goes besides what no rule names.

    Attributes:
        quarantine: also what was damaged and moved aside.
        artifacts_older_than: also numbered artifacts (reports, data sets …) older than so many
            seconds, unless something refers to them; None: none.
        artifacts_keep: so many of the newest versions of each stay whatever their age.
    """

    quarantine: bool = False
    artifacts_older_than: float | None = None
    artifacts_keep: int = 1


NOTHING_MORE = Choice()


class Room:
    """What is freed, file by file."""

    def __init__(self, store: ArtifactStore) -> None:
        """Nothing is gone yet."""
        self._store = store
        self._gone: Counter[str] = Counter()

    def freed(self, path: str) -> int:
        """Bytes that are free once this is gone, too."""
        total = 0
        for file in self._store.stored(path):
            self._gone[file.identity] += 1
            total += file.size if self._gone[file.identity] == file.names else 0
        return total


def removable(store: ArtifactStore, choice: Choice = NOTHING_MORE) -> Iterator[Removal]:
    """What is not needed; nothing is changed."""
    room = Room(store)
    for removal in _removable(store, choice):
        yield replace(removal, bytes=room.freed(removal.path))


def _removable(store: ArtifactStore, choice: Choice) -> Iterator[Removal]:
    for run_id in run_ids(store):
        yield from _checkpoints(RunRecord(store, run_id))
    for finding in (*check_results(store), *interrupted_deletions(store)):
        yield Removal(finding.path, finding.what.partition(";")[0])
    for path in store.sweep(dry_run=True):
        yield Removal(path, "a process that died left it")
    for path in store.orphans():
        yield Removal(path, "no manifest was put after it")
    for path in store.set_aside() if choice.quarantine else ():
        yield Removal(path, "it was damaged and moved aside")
    yield from _artifacts(store, choice)


def collect(store: ArtifactStore, choice: Choice = NOTHING_MORE) -> Iterator[Removal]:
    """Delete what `removable` gives; each is told when it is gone."""
    for told in list(removable(store, choice)):
        removal = told
        if not told.path.startswith("."):  # a run may have come to work, or saved, since
            removal = replace(told, bytes=Room(store).freed(told.path))
        if removal.path.startswith("."):
            yield removal  # hidden places are emptied as a whole, below
        elif removal.artifact is not None:
            store.delete(*removal.artifact)
            yield removal
        elif removal.run is None or _is_free(store, removal.run):
            store.remove(removal.path)
            yield removal
    store.sweep()
    store.remove_orphans()
    if choice.quarantine:
        store.remove_set_aside()


def _artifacts(store: ArtifactStore, choice: Choice) -> Iterator[Removal]:
    if choice.artifacts_older_than is None:
        return
    for ref in store.clean(
        keep=choice.artifacts_keep, older_than=choice.artifacts_older_than, dry_run=True
    ):
        artifact = (ref.kind, ref.name, ref.version)
        yield Removal(ref.path, "old, and nothing refers to it", artifact=artifact)


def _is_free(store: ArtifactStore, run_id: str) -> bool:
    return not is_at_work(RunRecord(store, run_id))


def _checkpoints(record: RunRecord) -> Iterator[Removal]:
    """Those that the run's own rules do not name, if the ones that stay are whole."""
    store = record.store
    try:
        config = CheckpointsConfig.model_validate(record.about()["config"]["checkpoints"])
        if is_at_work(record):
            return
    except (ValidationError, RetrainError, LookupError, TypeError):
        return  # of another version of this project, or damaged: nobody knows what it needs
    folder = f"{record.folder}/checkpoints"
    manager = CheckpointManager(store, folder, config.keep)
    unneeded = manager.unneeded()
    stays = {f"{folder}/{name}" for name in store.children(folder)} - set(unneeded)
    if any(store.verify(path).problems for path in (stays if unneeded else ())):
        return  # one of those that go may be the newest whole one
    for path in unneeded:
        yield Removal(path, "no rule of `checkpoints.keep` names it", run=record.run_id)
