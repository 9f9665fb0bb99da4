"""A small file system that loses power: which states can be on disk at any moment.

A trace of operations is recorded while a store does its work. Whatever was not synced may be there
or not when the power fails, within these rules, which are those of a journal with ordered metadata
(ext4, XFS):

- Changes of directories reach the disk in order. A sync of a directory brings all that were made to
  it before, and so all that were made before those.
- The bytes of a file that were synced are there. Of those that were not, there are none, a part
  from the beginning, or all, or zeros in their place, whatever its directory says.

`weak=True` takes the order away: each directory by itself has reached any state from its last sync
on. No file system of today does that, but POSIX allows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ROOT = 0
ZEROS = -1
"""In place of a share of the unsynced bytes: as many zeros."""


class Step(NamedTuple):
    """One operation that changes something.

    Attributes:
        kind: make, create, link, rename, replace, unlink, write, empty or sync.
        inode: of the file or directory that is made, moved, written, synced.
        parent: the directory that it is made in, moved from, removed from.
        name: its name there.
        target: where it is moved to.
        new_name: its name there.
        data: what is written, at the file's end.
    """

    kind: str
    inode: int
    parent: int = -1
    name: str = ""
    target: int = -1
    new_name: str = ""
    data: bytes = b""

    @property
    def touched(self) -> tuple[int, ...]:
        """The directories that it changes."""
        return tuple(inode for inode in (self.parent, self.target) if inode >= 0)


@dataclass
class Files:
    """What is on disk: directories by inode, files by inode."""

    directories: dict[int, dict[str, int]] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)

    def copy(self) -> Files:
        """One that can be changed."""
        directories = {inode: dict(names) for inode, names in self.directories.items()}
        return Files(directories, dict(self.contents))

    def know(self, step: Step) -> None:
        """Have room for what a step makes, wherever it is named."""
        if step.kind == "make":
            self.directories.setdefault(step.inode, {})
        elif step.kind == "create":
            self.contents.setdefault(step.inode, b"")

    def apply(self, step: Step) -> None:
        """Change directories; bytes are another matter."""
        if step.kind in {"make", "create", "link"}:
            self.directories[step.parent][step.name] = step.inode
        elif step.kind in {"unlink", "rename"}:
            self.directories[step.parent].pop(step.name, None)
        if step.kind == "rename":
            self.directories[step.target][step.new_name] = step.inode

    def write_to(self, root: Path) -> None:
        """Put it on a real disk."""
        self._write(root, ROOT)

    def key(self) -> tuple[object, ...]:
        """Equal for what looks the same."""
        return tuple(self._paths("", ROOT))

    def _write(self, path: Path, inode: int) -> None:
        path.mkdir()
        for name, child in self.directories[inode].items():
            if child in self.contents:
                (path / name).write_bytes(self.contents[child])
            else:
                self._write(path / name, child)

    def _paths(self, path: str, inode: int) -> Iterator[tuple[str, bytes]]:
        for name, child in sorted(self.directories[inode].items()):
            if child in self.contents:
                yield f"{path}/{name}", self.contents[child]
            else:
                yield f"{path}/{name}/", b""
                yield from self._paths(f"{path}/{name}", child)


def in_pieces(steps: Sequence[Step], pieces: int) -> list[Step]:
    """The same steps, each write cut into so many."""
    return [part for step in steps for part in _pieces(step, pieces)]


def crash_states(
    before: Files, steps: Sequence[Step], *, weak: bool = False, cuts: int = 2
) -> Iterator[tuple[int, Files]]:
    """Every state that the disk can be in after a power cut, with how many steps were done by then.

    After all steps the operation has returned. Equal states after equally many steps come once.

    Args:
        before: what was there.
        steps: what is done.
        weak: changes of two directories have no order.
        cuts: unsynced bytes may end at so many places.
    """
    for done in range(len(steps) + 1):
        seen = set()
        for files in _at(before, steps[:done], weak=weak, cuts=cuts):
            key = files.key()
            if key not in seen:
                seen.add(key)
                yield done, files


def _pieces(step: Step, pieces: int) -> Iterator[Step]:
    size = max(-(-len(step.data) // pieces), 1)
    if step.kind != "write":
        yield step
    for start in range(0, len(step.data), size):
        yield step._replace(data=step.data[start : start + size])


def _at(before: Files, steps: Sequence[Step], *, weak: bool, cuts: int) -> Iterator[Files]:
    changes = [number for number, step in enumerate(steps) if step.touched]
    for there in _subsets(steps, changes, weak=weak):
        files = before.copy()
        for step in steps:
            files.know(step)
        for number in there:
            files.apply(steps[number])
        yield from _with_bytes(files, steps, cuts)


def _subsets(steps: Sequence[Step], changes: list[int], *, weak: bool) -> Iterator[list[int]]:
    """Which changes of directories have reached the disk."""
    if not weak:
        least = max((_last(steps, changes, step, at) for at, step in _syncs(steps)), default=-1)
        for length in range(len(changes) + 1):
            if length == len(changes) or changes[length] > least:
                yield changes[:length]
        return
    directories = sorted({steps[number].touched[-1] for number in changes})
    choices = []
    for inode in directories:
        own = [number for number in changes if steps[number].touched[-1] == inode]
        least = max((_last(steps, own, step, at) for at, step in _syncs(steps)), default=-1)
        first = sum(number <= least for number in own)
        choices.append([own[:length] for length in range(first, len(own) + 1)])
    for chosen in product(*choices):
        yield sorted(number for part in chosen for number in part)


def _syncs(steps: Sequence[Step]) -> list[tuple[int, Step]]:
    return [(at, step) for at, step in enumerate(steps) if step.kind == "sync"]


def _last(steps: Sequence[Step], changes: list[int], sync: Step, at: int) -> int:
    """The last change that a sync of a directory made durable; a rename is in two of them."""
    covered = (n for n in changes if n < at and sync.inode in steps[n].touched)
    return max(covered, default=-1)


def _with_bytes(files: Files, steps: Sequence[Step], cuts: int) -> Iterator[Files]:
    """Every way in which unsynced bytes can be there: in all files alike, and in one alone."""
    synced, written = dict(files.contents), dict(files.contents)
    for step in steps:
        if step.kind == "write":
            written[step.inode] += step.data
        elif step.kind == "empty":
            written[step.inode] = b""
        elif step.kind == "sync" and step.inode in written:
            synced[step.inode] = written[step.inode]
    dirty = [inode for inode in files.contents if written[inode] != synced[inode]]
    if not dirty:
        yield Files(files.directories, synced)
        return
    shares = [ZEROS, *range(cuts + 1)]
    alike = [dict.fromkeys(dirty, share) for share in shares]
    apart = [dict.fromkeys(dirty, cuts) | {one: share} for one in dirty for share in shares]
    for chosen in alike + apart:
        unsynced = {n: _cut(synced[n], written[n], share, cuts) for n, share in chosen.items()}
        yield Files(files.directories, synced | unsynced)


def _cut(synced: bytes, written: bytes, share: int, cuts: int) -> bytes:
    if share == ZEROS:
        return bytes(len(written))
    return written[: len(written) * share // cuts] if share else synced
