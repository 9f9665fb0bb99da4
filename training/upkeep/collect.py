"""What a storage no longer needs: found, told, and deleted only when that is asked for.

Never what a version, an alias or a run in progress needs: versions are copies of their own, the
newest checkpoint of a run always stays, and a run at work is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
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
        bytes: of a commit's files; None: not known.
        run: the run that it belongs to, if any.
        artifact: kind, name and number of a numbered artifact.
    """

    path: str
    why: str
    bytes: int | None = None
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


def removable(store: ArtifactStore, choice: Choice = NOTHING_MORE) -> Iterator[Removal]:
    """What is not needed; nothing is changed."""
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
    for removal in removable(store, choice):
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
        size = sum(file.size for file in store.open(ref.path).files.values())
        artifact = (ref.kind, ref.name, ref.version)
        yield Removal(ref.path, "old, and nothing refers to it", size, artifact=artifact)


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
        size = sum(file.size for file in store.open(path).files.values())
        yield Removal(path, "no rule of `checkpoints.keep` names it", size, record.run_id)
