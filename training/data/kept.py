"""Tables that are kept in the storage, as Parquet under their fingerprint.

A source that moves (a database, a service) is read once: a later attempt, or another machine, finds
the same rows again by the fingerprint that the run has written down.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from training.data.table import Table, fingerprint
from training.errors import ExistsError, IntegrityError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.artifacts import ArtifactStore

FOLDER = "data/tables"
FILE = "table.parquet"
NAME = slice(7, 39)
"""Of a fingerprint: 128 bits name a table, and the whole is checked when it is read."""


def keep_table(store: ArtifactStore, table: Table, lineage: Mapping[str, Any] | None = None) -> str:
    """Write a table, unless it is there already.

    Args:
        store: the storage.
        table: as `DataManager.load` gives it.
        lineage: what made it, in plain values: source, window, versions.

    Returns:
        Its path in the storage.

    Raises:
        StorageError: the storage refused or failed.
    """
    path = f"{FOLDER}/{table.fingerprint[NAME]}"
    if store.exists(path):
        return path
    buffer = io.BytesIO()
    table.frame.to_parquet(buffer, index=False)
    metadata = {
        "fingerprint": table.fingerprint,
        "time": table.time,
        "symbol": table.symbol,
        "description": dict(table.description),
        "lineage": dict(lineage or {}),
    }
    try:
        store.commit(path, {FILE: buffer.getvalue()}, metadata)
    except ExistsError:  # another process was quicker, with the same rows
        return path
    return path


def kept_table(store: ArtifactStore, wanted: str) -> Table:
    """The table of a fingerprint.

    Args:
        store: the storage.
        wanted: the whole fingerprint.

    Raises:
        NotFoundError: it is not kept.
        IntegrityError: its bytes, or the values in them, are not what was written.
    """
    import pandas as pd

    path = f"{FOLDER}/{wanted[NAME]}"
    if not store.exists(path):
        raise NotFoundError(f"no table {wanted} is kept in {store.url}; load it from its source")
    metadata = store.open(path).metadata
    frame = pd.read_parquet(io.BytesIO(store.read(path, FILE)))
    found = fingerprint(frame)
    if found != wanted:
        raise IntegrityError(f"{path}: holds the table {found}, and not {wanted}; remove it")
    told, symbol = dict(metadata["description"]), metadata["symbol"]
    return Table(frame, metadata["time"], wanted, told, symbol)


def kept_tables(store: ArtifactStore) -> list[dict[str, Any]]:
    """What is kept: fingerprint, description and lineage of each table, in plain values."""
    paths = [f"{FOLDER}/{name}" for name in store.children(FOLDER)]
    return [{"path": path} | dict(store.open(path).metadata) for path in paths]
