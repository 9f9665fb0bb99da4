"""Large state that changes little: in pieces, shared, and each piece verified."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from training.artifacts import ArtifactStore, Encoded, decode, digest, encode, fs
from training.artifacts.segments import MAX_PIECES, Piece, join, split
from training.artifacts.tensors import METADATA, _framed
from training.artifacts.values import canonical
from training.checkpoints import CheckpointManager
from training.config import KeepLatest
from training.errors import IntegrityError, StorageError
from training.state import CheckpointRef
from training.types import Segmented

if TYPE_CHECKING:
    from training.types import Array

FOLDER = "runs/r/checkpoints"
ROWS, PIECES = 100, 8


def buffer(*changed: int) -> Array:
    """Eight pieces of 100 rows; those that changed have another first row."""
    array = np.arange(ROWS * PIECES * 4, dtype=np.float32).reshape(-1, 4)
    for piece in changed:
        array[piece * ROWS] += 0.5
    return array


def save(manager: CheckpointManager, epoch: int, array: Array, rows: int = ROWS) -> CheckpointRef:
    tree: dict[str, Any] = {"model": {"buffer": Segmented(array, rows), "at": epoch}}
    return manager.save(CheckpointRef("", epoch, 0, epoch, "d", {}), tree, {})


def loaded(store: ArtifactStore, ref: CheckpointRef) -> Array:
    """As another process loads it."""
    tree = CheckpointManager(store, FOLDER).load(ref)
    assert tree["model"]["at"] == ref.epoch
    return np.asarray(tree["model"]["buffer"])


def files_of(store: ArtifactStore, ref: CheckpointRef) -> dict[str, Path]:
    """The pieces of a checkpoint on disk, by name."""
    return {path.name: path for path in (Path(store.url) / ref.uri / "segments").iterdir()}


def changed_piece(store: ArtifactStore, old: CheckpointRef, new: CheckpointRef) -> Path:
    """The one piece that only the second has."""
    (name,) = files_of(store, new).keys() - files_of(store, old).keys()
    return files_of(store, new)[name]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_what_was_saved_in_pieces_comes_back_as_a_plain_array(store: ArtifactStore) -> None:
    """On every kind of storage, after each of several changes, writable."""
    manager = CheckpointManager(store, FOLDER)
    arrays = [buffer(), buffer(3), buffer(3, 7), buffer(0)]
    refs = [save(manager, epoch, array) for epoch, array in enumerate(arrays, 1)]
    for ref, array in zip(refs, arrays, strict=True):
        found = loaded(store, ref)
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype
        found[0] = 7
    assert store.verify().problems == []


def test_a_checkpoint_is_whole_by_itself(store: ArtifactStore) -> None:
    """Whatever becomes of those that it shares pieces with."""
    manager = CheckpointManager(store, FOLDER, [KeepLatest(n=1)])
    for epoch in range(1, 5):
        last = save(manager, epoch, buffer(epoch))
        manager.prune()
    assert store.children(FOLDER) == ["00000004-00000000"]
    np.testing.assert_array_equal(loaded(store, last), buffer(4))
    assert store.verify().problems == []
    assert store.sweep() == store.orphans() == []
    store.remove(last.uri)
    assert list(store._backend.walk("")) == []


def test_a_piece_that_is_gone_meanwhile_is_written(store: ArtifactStore) -> None:
    """The checkpoint before was removed behind the manager's back."""
    manager = CheckpointManager(store, FOLDER)
    store.remove(save(manager, 1, buffer()).uri)
    np.testing.assert_array_equal(loaded(store, save(manager, 2, buffer())), buffer())
    assert store.verify().problems == []


def test_a_damaged_piece_is_found_wherever_it_is_shared(disk: ArtifactStore) -> None:
    """And the way back leads to a checkpoint that does not have it."""
    manager = CheckpointManager(disk, FOLDER)
    refs = [save(manager, 1, buffer()), save(manager, 2, buffer(5)), save(manager, 3, buffer(5))]
    flip(changed_piece(disk, refs[0], refs[1]))
    damaged = {problem.unit for problem in disk.verify().problems}
    assert damaged == {refs[1].uri, refs[2].uri}
    for ref in refs[1:]:
        with pytest.raises(IntegrityError, match=rf"^{ref.uri}/segments/\w+ is damaged"):
            loaded(disk, ref)
    found = CheckpointManager(disk, FOLDER).newest(set_aside=True)
    assert found is not None
    assert found[0] == refs[0]
    assert disk.verify().problems == []


def test_the_next_checkpoint_after_the_way_back_shares_only_what_is_whole(
    disk: ArtifactStore,
) -> None:
    """Damage is not handed on: what was not verified is written anew."""
    manager = CheckpointManager(disk, FOLDER)
    refs = [save(manager, 1, buffer()), save(manager, 2, buffer(5))]
    flip(changed_piece(disk, refs[0], refs[1]))
    other = CheckpointManager(disk, FOLDER)
    other.newest(set_aside=True)
    again = save(other, 2, buffer(5))
    np.testing.assert_array_equal(loaded(disk, again), buffer(5))
    links = {name: path.stat().st_nlink for name, path in files_of(disk, again).items()}
    (new,) = links.keys() - files_of(disk, refs[0]).keys()
    assert links.pop(new) == 1
    assert len(links) == PIECES - 1
    assert min(links.values()) > 1


def test_what_was_found_damaged_is_not_shared(disk: ArtifactStore) -> None:
    """Where there is no older checkpoint either, all is written."""
    first = save(CheckpointManager(disk, FOLDER), 1, buffer())
    flip(next(iter(files_of(disk, first).values())))
    other = CheckpointManager(disk, FOLDER)
    assert other.newest() is None
    np.testing.assert_array_equal(loaded(disk, save(other, 2, buffer())), buffer())


def test_a_manager_that_has_not_looked_shares_nothing(disk: ArtifactStore) -> None:
    """Only what this process wrote or read is known to be whole."""
    save(CheckpointManager(disk, FOLDER), 1, buffer())
    new = save(CheckpointManager(disk, FOLDER), 2, buffer())
    assert {path.stat().st_nlink for path in files_of(disk, new).values()} == {1}


def test_only_what_changed_takes_room_on_disk(disk: ArtifactStore) -> None:
    manager = CheckpointManager(disk, FOLDER)
    first, second = save(manager, 1, buffer()), save(manager, 2, buffer(2))
    links = [path.stat().st_nlink for path in files_of(disk, second).values()]
    assert sorted(links) == [1] + [2] * (PIECES - 1)
    new = changed_piece(disk, first, second)
    assert new.stat().st_nlink == 1
    assert new.read_bytes() == buffer(2)[2 * ROWS : 3 * ROWS].tobytes()


def test_what_is_shared_is_not_sent_again(bucket_url: str) -> None:
    """An S3 server copies it by itself."""
    store = ArtifactStore(f"{bucket_url}/segments-sent")
    manager = CheckpointManager(store, FOLDER)
    save(manager, 1, buffer())
    backend: Any = store._backend
    sent: list[str] = []
    put = backend.put

    def noted(path: str, content: object) -> None:
        sent.append(path)
        put(path, content)

    backend.put = noted
    second = save(manager, 2, buffer(2))
    assert [path.split("/")[2] for path in sent].count("segments") == 1
    np.testing.assert_array_equal(loaded(store, second), buffer(2))


@pytest.mark.parametrize("code", [errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP])
def test_where_a_file_cannot_have_another_name_it_is_written(
    code: int, disk: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many names, no links on this file system, another user's file."""
    manager = CheckpointManager(disk, FOLDER)
    save(manager, 1, buffer())

    def refuse(*_arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fs, "link", refuse)
    second = save(manager, 2, buffer(2))
    np.testing.assert_array_equal(loaded(disk, second), buffer(2))
    assert {path.stat().st_nlink for path in files_of(disk, second).values()} == {1}


def test_a_full_disk_while_a_piece_is_shared_is_an_error(
    disk: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = CheckpointManager(disk, FOLDER)
    save(manager, 1, buffer())

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fs, "link", refuse)
    with pytest.raises(StorageError, match="ENOSPC"):
        save(manager, 2, buffer(2))
    assert disk.children(FOLDER) == ["00000001-00000000"]


@pytest.mark.parametrize("put", ["a link", "another size"])
def test_what_was_put_in_place_of_a_piece_is_not_shared(put: str, disk: ArtifactStore) -> None:
    manager = CheckpointManager(disk, FOLDER)
    first = save(manager, 1, buffer())
    for path in files_of(disk, first).values():
        if put == "a link":
            path.rename(path.with_name("other"))
            path.symlink_to("other")
        else:
            path.write_bytes(b"short")
    np.testing.assert_array_equal(loaded(disk, save(manager, 2, buffer())), buffer())


def test_equal_pieces_are_files_of_their_own(store: ArtifactStore) -> None:
    """A new replay buffer is all zeros; no array is larger than the files that it is read from."""
    manager = CheckpointManager(store, FOLDER)
    zeros = np.zeros((ROWS * PIECES, 4), np.float32)
    for epoch in (1, 2):
        ref = save(manager, epoch, zeros)
        np.testing.assert_array_equal(loaded(store, ref), zeros)
        sizes = [file.size for name, file in store.open(ref.uri).files.items() if "segm" in name]
        assert sum(sizes) == zeros.nbytes
    assert store.verify().problems == []


def in_pieces(names: list[str]) -> Encoded:
    """A tree with an array of that many bytes, each a piece, as whoever writes it wants it."""
    described = {"dtype": "U8", "shape": [len(names)], "rows": 1, "pieces": names}
    tree = canonical({"w": {"$array": described}}).decode()
    return Encoded(_framed(canonical({METADATA: {"tree": tree}})), ())


def test_no_array_is_larger_than_its_files(store: ArtifactStore) -> None:
    """A piece that stands for many would make gigabytes of a megabyte."""
    name = blake3(b"x").hexdigest()
    store.commit("one", {"state": in_pieces([name]), f"segments/{name}": b"x"})
    assert store.read_tree("one", "state")["w"] == [ord("x")]
    store.commit("many", {"state": in_pieces([name] * 9), f"segments/{name}": b"x"})
    with pytest.raises(IntegrityError, match="its manifest has it once"):
        store.read_tree("many", "state")
    store.commit("none", {"state": in_pieces([name])})
    with pytest.raises(IntegrityError, match="its manifest has it not"):
        store.read_tree("none", "state")


def test_a_piece_is_what_its_name_says(store: ArtifactStore) -> None:
    """A manifest that gives a piece other bytes is not believed."""
    name = blake3(b"x").hexdigest()
    for content in (b"y", b"xx"):
        path = f"c/{len(content)}"
        store.commit(path, {"state": in_pieces([name]), f"segments/{name}": content})
        with pytest.raises(IntegrityError, match=f"{path}/segments/{name} is damaged"):
            store.read_tree(path, "state")


def test_elsewhere_a_segmented_array_is_an_array(store: ArtifactStore) -> None:
    """In the registry, and for a digest: pieces are a matter of checkpoints."""
    plain, segmented = {"w": buffer()}, {"w": Segmented(buffer(), ROWS)}
    assert digest(segmented) == digest(plain)
    store.commit("models/m", {"weights": encode(segmented)})
    np.testing.assert_array_equal(store.read_tree("models/m", "weights")["w"], buffer())


@given(
    shape=st.lists(st.integers(0, 7), min_size=1, max_size=3),
    rows=st.integers(1, 9),
    kind=st.sampled_from(["?", "u1", "<i8", ">i4", "<f2", ">f8"]),
    order=st.sampled_from(["C", "F"]),
)
@settings(max_examples=100, deadline=None)
def test_any_array_in_any_pieces(shape: list[int], rows: int, kind: str, order: Any) -> None:  # noqa: ANN401 - a literal
    """Whatever its layout, byte order, size, and where the last piece ends."""
    count = int(np.prod(shape))
    array = np.arange(count).reshape(shape).astype(kind).copy(order=order)
    pieces: dict[str, Piece] = {}
    described = split(Segmented(array, rows), "a", pieces)

    def read(path: str, memory: memoryview) -> None:
        memory[:] = pieces.pop(path).data

    found = join(described, "a", read)
    assert not pieces
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("<")


@pytest.mark.parametrize(
    ("array", "rows", "said"),
    [
        (np.ones(4), 0, "one row"),
        (np.ones(4), -1, "one row"),
        (np.array(1.0), 1, "one dimension"),
        (np.ones(MAX_PIECES + 1, "u1"), 1, "take more rows"),
        (np.ones(4, complex), 1, "cannot be stored"),
        ([1.0], 1, "cannot be stored as it is"),
    ],
)
def test_what_cannot_be_cut_is_refused_by_name(array: Any, rows: int, said: str) -> None:  # noqa: ANN401 - wrong on purpose
    with pytest.raises(StorageError, match=said) as caught:
        encode({"model": {"buffer": Segmented(array, rows)}}, {})
    assert "model/buffer" in str(caught.value)


GOOD = {"dtype": "F32", "shape": [4, 2], "rows": 2, "pieces": ["a" * 64, "b" * 64]}


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "F31"}, {"dtype": ["F32"]}, {"dtype": "F64"}, {"shape": [4, 3]}, {"shape": []},
        {"shape": [-4, 2]}, {"shape": [4.0, 2]}, {"shape": [2**62, 2]}, {"shape": "42"},
        {"shape": [4] + [1] * 64}, {"rows": 0}, {"rows": True}, {"rows": 3}, {"rows": "2"},
        {"rows": 2**70, "shape": [2**70, 2**70], "pieces": ["a" * 64]},
        {"rows": 2**40, "shape": [2**40, 2], "pieces": ["a" * 64]},
        {"pieces": ["a" * 64]}, {"pieces": ["a" * 64] * 3}, {"pieces": [["a"], "b"]},
        {"pieces": ["../" + "a" * 61, "b" * 64]}, {"pieces": ["A" * 64, "b" * 64]},
        {"pieces": ["a" * 64, "a" * 64]}, {"pieces": {}}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_an_array_that_is_not_described_as_we_do_it_is_refused(change: dict[str, Any]) -> None:
    """Before memory is taken for it: whoever may write to a storage may write anything there."""
    left = {f"segments/{letter * 64}": 16 for letter in "ab"}

    def read(path: str, memory: memoryview) -> None:
        if left.pop(path, None) != memory.nbytes:
            raise IntegrityError("not a piece of that size")

    assert join(GOOD, "a", read).shape == (4, 2)
    left = {f"segments/{letter * 64}": 16 for letter in "ab"}
    with pytest.raises(IntegrityError):
        join(GOOD | change, "a", read)


def test_pieces_belong_to_a_commit() -> None:
    """A file alone has none."""
    data = b"".join(encode({"w": Segmented(buffer(), ROWS)}, {}).buffers())
    with pytest.raises(IntegrityError, match="in pieces, which only commits have"):
        decode(data, "a file")
