"""Checkpoints of one run: committed atomically, believed only when every byte verifies."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from training.artifacts import encode
from training.artifacts.segments import FOLDER as SEGMENTS
from training.checkpoints.rules import kept
from training.errors import ExistsError, IntegrityError, NotFoundError
from training.state import CheckpointRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from training.artifacts import ArtifactStore, Commit
    from training.artifacts.backend import Content
    from training.artifacts.segments import Piece
    from training.config import KeepRule

STATE_FILE = "state.safetensors"

logger = logging.getLogger(__name__)


class CheckpointManager:
    """Saves, finds, restores and prunes the checkpoints of one run."""

    def __init__(self, store: ArtifactStore, folder: str, keep: Sequence[KeepRule] = ()) -> None:
        """Work in a folder of the store; `keep` says what pruning leaves."""
        self._store = store
        self._folder = folder
        self._keep = keep
        self._saved_at: dict[str, float] = {}
        self._held: dict[str, str] = {}
        self._own: dict[str, CheckpointRef] = {}

    def save(
        self, ref: CheckpointRef, tree: dict[str, Any], metadata: Mapping[str, Any]
    ) -> CheckpointRef:
        """Commit a state; durable when this returns.

        Args:
            ref: what was staged.
            tree: the whole state.
            metadata: what else stands in the manifest (lineage, configuration, environment).

        Raises:
            StorageError: nothing was committed, and nothing that was there is harmed.
        """
        path = f"{self._folder}/{ref.epoch:08d}-{ref.batch:08d}"
        pieces: dict[str, Piece] = {}
        files = {STATE_FILE: encode(tree, pieces)} | self._shared(pieces)
        ref = replace(ref, uri=path)
        whole = {"checkpoint": ref.to_json(), "saved_at": time.time(), **metadata}
        try:
            self._note(self._store.commit(path, files, whole))
        except ExistsError:
            if self._is_whole(path) and self._ref(path).digest == ref.digest:
                return ref  # an attempt that died right after its commit got this far
            logger.warning("%s is damaged or of other weights; moved aside", path)
            self._store.quarantine(path)
            self._note(self._store.commit(path, files, whole))
        self._own[path], self._saved_at[path] = ref, whole["saved_at"]
        return ref

    def refs(self) -> list[CheckpointRef]:
        """All whose manifest can be read, the newest first; the others are logged."""
        return list(self._readable())

    def newest(self, *, set_aside: bool = False) -> tuple[CheckpointRef, dict[str, Any]] | None:
        """The newest checkpoint that verifies, with its state; None when there is none.

        Those that were skipped on the way back are logged.

        Args:
            set_aside: move those that are damaged out of the way, to where a person can look.
        """
        for path in self._paths():
            try:
                ref = self._ref(path)
                return ref, self.load(ref)
            except (IntegrityError, NotFoundError) as error:
                place = self._store.quarantine(path) if set_aside else None
                aside = f"; moved to {place}" if place else ""
                logger.warning("skipped a damaged checkpoint: %s%s", error, aside)
        return None

    def load(self, ref: CheckpointRef) -> dict[str, Any]:
        """The state, with every byte checked.

        Raises:
            IntegrityError: bytes are not what the manifest says.
            NotFoundError: it is not there.
        """
        commit = self._store.open(ref.uri)
        tree = self._store.read_tree(ref.uri, STATE_FILE)
        self._note(commit)
        return tree

    def metadata(self, ref: CheckpointRef) -> dict[str, Any]:
        """What else stands in its manifest."""
        return dict(self._store.open(ref.uri).metadata)

    def prune(self) -> list[str]:
        """Remove what no rule names; the first one goes too, the newest never."""
        gone = self.unneeded()
        for uri in gone:
            self._store.remove(uri)
            self._own.pop(uri, None)
        return gone

    def unneeded(self) -> list[str]:
        """The places of those that no rule names."""
        refs = list(self._readable(self._own))
        stays = kept(self._keep, refs, self._saved_at)
        return [ref.uri for ref in refs if ref.uri not in stays]

    def clear(self) -> None:
        """Remove all, for a run that is to start afresh."""
        for name in self._store.children(self._folder):
            self._store.remove(f"{self._folder}/{name}")

    def _paths(self) -> Iterator[str]:
        """The newest first."""
        for name in reversed(self._store.children(self._folder)):
            yield f"{self._folder}/{name}"

    def _readable(self, own: Mapping[str, CheckpointRef] | None = None) -> Iterator[CheckpointRef]:
        """Those whose manifest can be read, or is known because this process wrote it."""
        for path in self._paths():
            try:
                yield (own or {}).get(path) or self._ref(path)
            except (IntegrityError, NotFoundError) as error:
                logger.warning("skipped a damaged checkpoint: %s", error)

    def _ref(self, path: str) -> CheckpointRef:
        metadata = self._store.open(path).metadata
        ref = _checked(metadata, path)
        if isinstance(metadata.get("saved_at"), float):
            self._saved_at[path] = metadata["saved_at"]
        return ref

    def _is_whole(self, path: str) -> bool:
        try:
            return not self._store.verify(path).problems
        except NotFoundError:
            return False

    def _shared(self, pieces: dict[str, Piece]) -> dict[str, Content]:
        """Pieces, each with where the newest known checkpoint holds it."""
        held = self._held
        return {file: replace(one, held=held.get(one.digest, "")) for file, one in pieces.items()}

    def _note(self, commit: Commit) -> None:
        """Remember where the pieces of a checkpoint lie that was just written, or read whole.

        Of no other: whoever has not looked at a piece cannot tell that it is still as it was, and
        would hand its damage on.
        """
        segments = [file for file in commit.files if file.startswith(f"{SEGMENTS}/")]
        self._held = {commit.files[file].digest: commit.place(file) for file in segments}


def _checked(metadata: Mapping[str, Any], path: str) -> CheckpointRef:
    """What a manifest says of a checkpoint; whoever may write there may have put anything.

    Raises:
        IntegrityError: it is no checkpoint, or one of another place.
    """
    try:
        ref = CheckpointRef(**metadata["checkpoint"])
        counts = (ref.epoch, ref.batch, ref.step)
        plain = (
            ref.uri == path
            and all(type(count) is int and count >= 0 for count in counts)
            and isinstance(ref.digest, str)
            and all(isinstance(value, int | float) for value in ref.metrics.values())
            and all(isinstance(text, str | None) for text in (ref.stop_reason, ref.save))
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise IntegrityError(f"{path} holds no checkpoint: {error}; remove it") from None
    if not plain:
        raise IntegrityError(f"{path} holds no checkpoint that was made there; remove it")
    return ref
