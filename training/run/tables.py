"""The tables of runs: pinned for those that go on, and known to those that come later.

A source that moves (a database, a service) would give an interrupted run other rows than it began
with. So the first attempt keeps its table in the storage, and each later attempt of that run reads
this one; the source is asked again by the next run.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from training.checkpoints import environment
from training.config import sources as kinds
from training.config.checks import with_defaults
from training.data.disk import goes_to_disk
from training.data.earlier import Earlier
from training.data.kept import keep_table, kept_table
from training.errors import NotFoundError, StorageError
from training.run.environments import trades
from training.run.record import RunRecord, runs_of

if TYPE_CHECKING:
    from training.config import RunConfig
    from training.data import DataManager, Table
    from training.run.run import TrainingRun

logger = logging.getLogger("training.run")

CHAMPION = "champion"
MOVING = (kinds.SqlSource, kinds.HttpSource, kinds.YfinanceSource, kinds.CustomSource)
"""Sources that may give other rows when they are asked again."""


def is_kept(config: RunConfig) -> bool:
    """Whether the table that a run was trained on is kept in the storage."""
    keep = config.data.keep
    return keep == "always" or (keep == "auto" and isinstance(config.data.source, MOVING))


def table_of(run: TrainingRun, manager: DataManager) -> Table | None:
    """The table of a run that keeps it or trades it: the pinned one, or what the source has now.

    Returns:
        None where nobody asks for the table itself, or it is larger than memory: the manager reads
        the source.

    Raises:
        IntegrityError: the kept table is damaged.
        DataError: the source's rows are wrong.
    """
    if not (is_kept(run.config) or trades(run.config)) or goes_to_disk(run.config.data):
        return None
    return pinned_table(run) or manager.load()


def pinned_table(run: TrainingRun) -> Table | None:
    """The table that an unfinished run of the slot began with; None: it is not kept.

    Raises:
        IntegrityError: it is damaged.
    """
    pinned = _pinned(run) if is_kept(run.config) else None
    if pinned is None:
        return None
    try:
        table = kept_table(run.store, pinned)
    except NotFoundError as error:
        logger.warning("%s", error)
        return None
    logger.info("reading the table that this run began with, kept in %s", run.store.url)
    return table


def keep(run: TrainingRun, table: Table) -> None:
    """Keep the table of a run under its fingerprint, with what it was made by."""
    data = run.config.data
    lineage = {
        "run_id": run.run_id,
        "source": data.source.model_dump(mode="json", exclude_defaults=True),
        "read": data.model_dump(mode="json", include={"on_missing", "on_duplicates"}),
        "code": environment(),
    }
    keep_table(run.store, table, lineage)


def earlier_data(run: TrainingRun) -> Earlier:
    """What runs of this name saw before, and what the model that serves now was trained on."""
    if not {"revised", "drift"} & {check.type for check in with_defaults(run.config.data.checks)}:
        return Earlier()
    tables = tuple(about["data"] for about in runs_of(run.store, run.config.name))
    return Earlier(tables, _champion(run))


def _pinned(run: TrainingRun) -> str | None:
    """The fingerprint that the run began with: the one named, or the unfinished one of the slot."""
    if run.expect is not None:
        return str(RunRecord(run.store, run.expect).about()["fingerprint"])
    if run.slot is None or run.resume == "never":
        return None
    for about in runs_of(run.store, run.config.name):
        then = about["identity"]
        same = then["slot"] == run.slot and then["config"] == run.identity_config()
        if same and RunRecord(run.store, about["run_id"]).outcome is None:
            return str(about["fingerprint"])
    return None


def _champion(run: TrainingRun) -> dict[str, Any] | None:
    try:
        version = run.registry.get(f"{run.config.name}@{CHAMPION}")
    except NotFoundError:
        return None
    except StorageError as error:  # the check `drift` goes without
        logger.warning("the champion is damaged: %s", error)
        return None
    found: dict[str, Any] = version.card["data"]
    return found
