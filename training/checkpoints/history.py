"""The history: a row an epoch, append-only, never rewritten.

The newest rows travel in the checkpoint; whole blocks of older ones are written once, as documents
of their own, and never again. So the cost of an epoch does not grow with those before it, and a
run that goes back to an older checkpoint writes the same blocks again, with the same content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.artifacts.shapes import METRICS, Shape, require
from training.errors import ExistsError, IntegrityError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.artifacts import ArtifactStore

BLOCK = 64

Row = dict[str, Any]
"""`epoch`, `step`, `digest` (of the weights), `metrics`: nothing that a clock decides."""

_ROW: Shape = {"epoch": int, "step": int, "digest": str, "metrics": METRICS}


class History:
    """Rows of one run, in order of their epochs."""

    def __init__(self, store: ArtifactStore, folder: str, first_epoch: int = 1) -> None:
        """Start with nothing.

        Args:
            store: where blocks are written.
            folder: in the store.
            first_epoch: the epoch of the first row; later than 1 for a run that trains on from
                another one.
        """
        self._store = store
        self._folder = folder
        self._blocks = 0
        self._tail: list[Row] = []
        self._last_read: tuple[int, list[Row]] = (-1, [])
        self.first_epoch = first_epoch

    def __len__(self) -> int:
        """Number of rows."""
        return self._blocks * BLOCK + len(self._tail)

    def __iter__(self) -> Iterator[Row]:
        """All rows; the older ones are read from the store.

        Raises:
            IntegrityError: a block is damaged or gone.
        """
        for block in range(self._blocks):
            yield from self._read(block)
        yield from self._tail

    def append(self, row: Row) -> None:
        """Add the row of the next epoch."""
        self._tail.append(row)

    def row(self, epoch: int) -> Row:
        """The row of an epoch, counted from 1."""
        block, at = divmod(epoch - self.first_epoch, BLOCK)
        if block >= self._blocks:
            return self._tail[at + (block - self._blocks) * BLOCK]
        if self._last_read[0] != block:  # the next row that is asked for is mostly its neighbour
            self._last_read = (block, self._read(block))
        return self._last_read[1][at]

    @property
    def last_metrics(self) -> dict[str, float]:
        """Of the newest row; empty before any."""
        return dict(self.row(self.first_epoch + len(self) - 1)["metrics"]) if len(self) else {}

    def flush(self) -> None:
        """Write the blocks that are full; called before a checkpoint that counts on them."""
        while len(self._tail) >= BLOCK:
            self._write(self._blocks, self._tail[:BLOCK])
            self._blocks, self._tail = self._blocks + 1, self._tail[BLOCK:]

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint: how many blocks are written, and the rows that are not."""
        return {
            "blocks": self._blocks,
            "first_epoch": self.first_epoch,
            "tail": [dict(row) for row in self._tail],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where a checkpoint was.

        Raises:
            IntegrityError: the checkpoint has no history that could be one.
        """
        require(state, {"blocks": int, "first_epoch": int, "tail": list}, self._folder, "history")
        self._blocks = state["blocks"]
        self.first_epoch = state["first_epoch"]
        self._last_read = (-1, [])
        self._tail = [dict(require(row, _ROW, self._folder, "a row")) for row in state["tail"]]

    def _path(self, block: int) -> str:
        return f"{self._folder}/{block:08d}.json"

    def _read(self, block: int) -> list[Row]:
        try:
            body = self._store.document(self._path(block))
        except NotFoundError:
            first = self.first_epoch + block * BLOCK
            raise IntegrityError(
                f"{self._path(block)} is gone: the history of epochs {first} to "
                f"{first + BLOCK - 1}; bring it back from a backup of the storage"
            ) from None
        rows: list[Row] = require(body, {"rows": list}, self._path(block))["rows"]
        return [require(row, _ROW, self._path(block), "a row") for row in rows]

    def _write(self, block: int, rows: list[Row]) -> None:
        path = self._path(block)
        try:
            self._store.create(path, {"rows": rows})
        except ExistsError:
            # An attempt that was interrupted after this wrote it already, or it was damaged since.
            self._store.replace(path, {"rows": rows})
