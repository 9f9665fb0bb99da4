"""A power cut at any moment of any operation, in every state that the disk can then be in."""

from __future__ import annotations

import shutil
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from tests.durability.operations import OPERATIONS, fill
from tests.durability.recorder import Recorder
from tests.durability.simulator import Files, Step, crash_states, in_pieces
from tests.durability.tally import judge, outside
from training.artifacts import ArtifactStore, fs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.durability.tally import Tally

SLICE, CAMPAIGN = 30, 750
"""States an operation and set of rules: in the quick tests, and in the campaign."""


def recorded(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Files, list[Step]]:
    """What an operation does to a filled store."""
    fill(ArtifactStore(root))
    with monkeypatch.context() as patch:
        recorder = Recorder(patch, root)
        OPERATIONS[name].act(ArtifactStore(root))
    return recorder.before, recorder.steps


def chosen(
    before: Files, steps: list[Step], *, count: int, weak: bool, cuts: int
) -> Iterator[tuple[int, Files]]:
    """So many of the crash states, evenly spread, and always those after the last step."""
    total = sum(1 for _ in crash_states(before, steps, weak=weak, cuts=cuts))
    every = max(total // count, 1)
    for number, (done, files) in enumerate(crash_states(before, steps, weak=weak, cuts=cuts)):
        if number % every == 0 or done == len(steps):
            yield done, files


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(
    "weak",
    [False, True],
    ids=["ordered", "weak"],
)
def test_no_power_cut_loses_or_tears_anything(
    name: str, weak: bool, tally: Tally, quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice of the states; what the operation returned from is there in all of them."""
    try_states(name, tally, quick_path, monkeypatch, weak=weak, count=SLICE)


@pytest.mark.long
@pytest.mark.parametrize("portable", [False, True], ids=["", "portably"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_power_cut_of_a_thousand_does(
    name: str,
    portable: bool,
    tally: Tally,
    quick_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same, 1,000 states and more an operation, with each write cut into many."""
    if portable:
        monkeypatch.setattr(fs, "_renameat2", None)
        monkeypatch.setattr(fs, "_has_unnamed", False)
    for weak in (False, True):
        root = quick_path / str(weak)
        root.mkdir()
        try_states(name, tally, root, monkeypatch, weak=weak, count=CAMPAIGN)


def try_states(
    name: str,
    tally: Tally,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    weak: bool,
    count: int,
) -> None:
    before, steps = recorded(name, folder / "recorded", monkeypatch)
    cuts = 2
    if count == CAMPAIGN:
        steps, cuts = in_pieces(steps, 16), 32
    beside = outside(folder / "0")
    for number, (done, files) in enumerate(
        chosen(before, steps, count=count, weak=weak, cuts=cuts)
    ):
        root = folder / "state" / str(number % 2)
        shutil.rmtree(root, ignore_errors=True)
        root.parent.mkdir(exist_ok=True)
        files.write_to(root)
        faults = list(judge(ArtifactStore(root), OPERATIONS[name], returned=done == len(steps)))
        tally.add("crash states", faults)
        assert not faults, f"{faults} after {done} of {len(steps)} steps: {steps[:done][-3:]}"
    assert [path for path in outside(folder / "state") if path in beside] == [
        path for path in beside if not path.startswith(str(folder / "state"))
    ]


def test_the_simulator_knows_what_a_missing_sync_costs() -> None:
    """Write, rename, no sync: the name may be there with none of its bytes, or not be there."""
    before = Files({0: {}, 1: {}}, {})
    before.directories[0]["stage"] = 1
    steps = [
        Step("create", 2, 1, "f"),
        Step("write", 2, data=b"12345678"),
        Step("rename", 2, 1, "f", 0, "done"),
    ]
    found = {files.contents[2] if "done" in files.directories[0] else None
             for done, files in crash_states(before, steps) if done == len(steps)}  # fmt: skip
    assert found == {None, b"", b"1234", b"12345678", bytes(8)}
    synced = [*steps[:2], Step("sync", 2), steps[2], Step("sync", 0)]
    ends = [files for done, files in crash_states(before, synced) if done == len(synced)]
    assert [files.contents[2] for files in ends] == [b"12345678"]
    assert "done" in ends[0].directories[0]


def test_without_order_a_directory_can_come_before_what_is_in_it() -> None:
    """The sync of a stage is what POSIX asks for before it is renamed."""
    before = Files({0: {}, 1: {}, 2: {}}, {})
    before.directories[0]["stage"] = 1
    before.directories[1]["commit"] = 2
    steps = [
        Step("create", 3, 2, "f"),
        Step("sync", 3),
        Step("rename", 2, 1, "commit", 0, "done"),
        Step("sync", 0),
    ]
    for weak, contents in ((False, [["f"]]), (True, [[], ["f"]])):
        ends = [files for done, files in crash_states(before, steps, weak=weak) if done == 4]
        assert sorted(list(files.directories[2]) for files in ends) == contents


def test_equal_states_come_once() -> None:
    before = Files({0: {}}, {})
    assert len(list(islice(crash_states(before, []), 9))) == 1
