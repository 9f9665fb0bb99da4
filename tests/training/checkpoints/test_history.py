"""The history: rows of epochs, the older ones in blocks that are written once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from training.checkpoints import History
from training.checkpoints.history import BLOCK
from training.errors import IntegrityError

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore
    from training.checkpoints import Row

FOLDER = "runs/r/history"


def _row(epoch: int) -> Row:
    return {"epoch": epoch, "step": 3 * epoch, "digest": f"d{epoch}", "metrics": {"loss": epoch}}


def _filled(store: ArtifactStore, rows: int, first: int = 1) -> History:
    history = History(store, FOLDER, first)
    for epoch in range(first, first + rows):
        history.append(_row(epoch))
    return history


def _block(store: ArtifactStore, number: int) -> Path:
    return Path(store.url) / FOLDER / f"{number:08d}.json"


@pytest.mark.parametrize("rows", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
@pytest.mark.parametrize("first", [1, 12])
def test_all_rows_come_back_in_their_order(store: ArtifactStore, rows: int, first: int) -> None:
    history = _filled(store, rows, first)
    history.flush()
    expected = [_row(epoch) for epoch in range(first, first + rows)]
    assert len(history) == rows
    assert list(history) == expected
    assert [history.row(row["epoch"]) for row in expected] == expected


def test_the_metrics_of_the_newest_row_are_a_copy(store: ArtifactStore) -> None:
    history = History(store, FOLDER)
    assert history.last_metrics == {}
    history.append(_row(1))
    history.last_metrics["loss"] = 99.0
    assert history.last_metrics == {"loss": 1}


def test_the_metrics_of_the_newest_row_come_out_of_a_block_too(store: ArtifactStore) -> None:
    history = _filled(store, BLOCK)
    history.flush()
    assert history.last_metrics == {"loss": BLOCK}


def test_whole_blocks_are_written_and_the_rest_travels_with_the_checkpoint(
    store: ArtifactStore,
) -> None:
    history = _filled(store, 2 * BLOCK + 3)
    history.flush()
    assert store.children(FOLDER) == ["00000000.json", "00000001.json"]
    state = history.state_dict()
    assert state["blocks"] == 2
    assert state["tail"] == [_row(epoch) for epoch in range(2 * BLOCK + 1, 2 * BLOCK + 4)]


def test_less_than_a_block_writes_nothing(store: ArtifactStore) -> None:
    history = _filled(store, BLOCK - 1)
    history.flush()
    assert not store.exists(FOLDER)


def test_a_block_that_was_written_is_never_written_again(store: ArtifactStore) -> None:
    history = _filled(store, BLOCK)
    history.flush()
    written = _block(store, 0).stat()
    for epoch in range(BLOCK + 1, 2 * BLOCK):
        history.append(_row(epoch))
        history.flush()
    now = _block(store, 0).stat()
    assert (now.st_ino, now.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_what_a_checkpoint_holds_of_it_does_not_grow(store: ArtifactStore) -> None:
    history = History(store, FOLDER)
    for epoch in range(1, 500):
        history.append(_row(epoch))
        history.flush()
        assert len(history.state_dict()["tail"]) < BLOCK


def test_the_state_goes_to_another_process_and_on_from_there(store: ArtifactStore) -> None:
    history = _filled(store, BLOCK + 2, first=5)
    history.flush()
    other = History(store, FOLDER)
    other.load_state_dict(history.state_dict())
    other.append(_row(BLOCK + 7))
    assert list(other) == [_row(epoch) for epoch in range(5, BLOCK + 8)]
    assert len(history) == BLOCK + 2


def test_the_state_is_a_copy(store: ArtifactStore) -> None:
    history = _filled(store, 2)
    state = history.state_dict()
    state["tail"][0]["epoch"] = 99
    state["tail"].append(_row(3))
    assert list(history) == [_row(1), _row(2)]
    other = History(store, FOLDER)
    other.load_state_dict(state)
    state["tail"][1]["epoch"] = 99
    assert list(other)[1:] == [_row(2), _row(3)]


def test_going_back_writes_the_same_blocks_with_the_same_content(store: ArtifactStore) -> None:
    """An attempt was killed after a block and before the checkpoint that counts on it."""
    history = _filled(store, BLOCK - 1)
    before = history.state_dict()
    history.append(_row(BLOCK))
    history.flush()
    content = _block(store, 0).read_bytes()
    again = History(store, FOLDER)
    again.load_state_dict(before)
    again.append(_row(BLOCK))
    again.flush()
    assert _block(store, 0).read_bytes() == content


def test_a_block_that_was_damaged_since_is_written_anew(store: ArtifactStore) -> None:
    history = _filled(store, BLOCK)
    before = history.state_dict()
    history.flush()
    _block(store, 0).write_text("{}")
    again = History(store, FOLDER)
    again.load_state_dict(before)
    again.flush()
    assert list(again) == list(_filled(store, BLOCK))


def test_a_block_that_is_gone_is_an_error_that_says_which_epochs(store: ArtifactStore) -> None:
    history = _filled(store, 2 * BLOCK, first=11)
    history.flush()
    _block(store, 1).unlink()
    first = 11 + BLOCK
    with pytest.raises(IntegrityError, match=f"epochs {first} to {first + BLOCK - 1}"):
        list(history)


def test_a_block_that_is_damaged_is_an_error(store: ArtifactStore) -> None:
    history = _filled(store, BLOCK)
    history.flush()
    block = _block(store, 0)
    block.write_text(block.read_text().replace('"epoch":7', '"epoch":8'))
    with pytest.raises(IntegrityError):
        history.row(3)
