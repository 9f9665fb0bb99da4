"""Tables between the steps: numbered artifacts of the storage, named by what they hold.

From step to step goes a small reference. The same values are the same version, whoever writes them
and however often: nothing here is named by the clock.
"""

from __future__ import annotations

import io
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from training.data.parts import span_of
from training.data.table import fingerprint
from training.errors import IntegrityError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from training.artifacts import ArtifactStore

KIND = "datasets"
FILE = "table.parquet"

logger = logging.getLogger("training.etl")


@dataclass(frozen=True, slots=True)
class TableRef:
    """A table in the storage.

    Attributes:
        path: of its version in the storage.
        fingerprint: of its values.
        rows: how many.
        time: the name of the time column; None: rows have no time.
        first: the first time; None as above.
        last: the last one.
    """

    path: str
    fingerprint: str
    rows: int
    time: str | None = None
    first: str | None = None
    last: str | None = None

    @property
    def slot(self) -> str:
        """What the table is up to: its last bar; without times, its content."""
        return self.last or self.fingerprint.removeprefix("blake3:")[:16]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def keep_rows(
    store: ArtifactStore,
    name: str,
    frame: pd.DataFrame,
    time: str | None,
    lineage: Mapping[str, Any],
) -> TableRef:
    """Write a table as the next version of a data set, unless a version holds these values.

    Args:
        store: the storage.
        name: of the data set.
        frame: the rows.
        time: the name of the time column, of timestamps.
        lineage: what made it, in plain values.

    Raises:
        DataError: a column holds lists or the like.
        StorageError: the storage refused or failed.
    """
    wanted = fingerprint(frame)
    span = {} if time is None or frame.empty else span_of(frame[time])
    known = (wanted, len(frame), time, span.get("first"), span.get("last"))
    for found in store.list(KIND, name, {"fingerprint": wanted}):
        ref = TableRef(found.path, *known)
        try:
            read_rows_of(store, ref)
        except IntegrityError as error:
            logger.warning("written anew: %s", error)
            continue
        return ref
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    metadata = {"rows": len(frame), "time": time, "lineage": dict(lineage)}
    made = store.put(KIND, name, {FILE: buffer.getvalue()}, metadata, {"fingerprint": wanted})
    return TableRef(made.path, *known)


def read_rows_of(store: ArtifactStore, ref: TableRef) -> pd.DataFrame:
    """The rows of a reference, verified.

    Raises:
        NotFoundError: it was deleted.
        IntegrityError: its bytes, or the values in them, are not what was written.
    """
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(store.read(ref.path, FILE)))
    found = fingerprint(frame)
    if found != ref.fingerprint:
        raise IntegrityError(f"{ref.path}: holds {found}, and not {ref.fingerprint}")
    return frame


def is_whole(store: ArtifactStore, ref: TableRef) -> bool:
    """Whether a reference can be gone on from; else a person is told why not."""
    try:
        read_rows_of(store, ref)
    except (IntegrityError, NotFoundError) as error:
        logger.warning("not gone on from: %s", error)
        return False
    return True
