"""The same harness over others' ways to save, for comparison: their faults are counted, not judged.

Kills at every system call of a save over an older one, ext4 images as the save returns and 8 s
later (under a fresh name), and bits that flip.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.durability.images import CAN_MOUNT, Image
from tests.durability.processes import HAS_STRACE, apart, killed_at, system_calls
from tests.durability.tally import OURS as US
from tests.durability.writers import INSTALLED, OTHERS, OURS, array

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.durability.tally import Tally
    from tests.durability.writers import Writer

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore"),  # of other libraries, about the files that are torn
]

IMAGES, FLIPS = 10, 300
ALL = {name: OTHERS[name] for name in INSTALLED} | {US: OURS}


@pytest.fixture(params=list(ALL))
def name(request: pytest.FixtureRequest) -> str:
    """Each writer that is installed, and ours."""
    return str(request.param)


def save(writer: Writer, folder: Path, value: int) -> None:
    """In a process of its own, as every use of a writer here."""

    def act() -> None:
        writer.save(folder, array(value))

    apart(act)


def found(writer: Writer, folder: Path, *allowed: int) -> str | None:
    """What is wrong with what is loaded; None: one of the values that may be there."""

    def load() -> bytes:
        try:
            value = writer.load(folder)
        except Exception:  # noqa: BLE001 - each library has its own way to say it
            return b"torn"
        right = any(np.array_equal(value, array(number)) for number in allowed)
        return b"" if right else b"silent"

    return apart(load).decode() or None


@pytest.mark.skipif(not HAS_STRACE, reason="strace is not installed")
def test_kills(name: str, tally: Tally, quick_path: Path, tmp_path: Path) -> None:
    """A save over an older one is cut off at every system call that may change a file."""
    writer, template, folder = ALL[name], quick_path / "template", quick_path / "folder"
    template.mkdir()
    writer.prepare(tmp_path)
    save(writer, template, 1)

    def fresh() -> Callable[[], object]:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        return lambda: writer.save(folder, array(2))

    for call, count in system_calls(fresh(), quick_path).items():
        for number in range(1, count + 1):
            done = killed_at(fresh(), call, number)
            fault = found(writer, folder, 2) if done else found(writer, folder, 1, 2)
            tally.add("kills", [fault] if fault else [], name)
            assert fault is None or name != US


@pytest.mark.skipif(not CAN_MOUNT, reason="mounting an image needs root and mkfs.ext4")
def test_images(name: str, tally: Tally, tmp_path: Path) -> None:
    """The power fails as the first save of a name returns, and 8 s later."""
    writer, image = ALL[name], Image(tmp_path)
    writer.prepare(tmp_path)
    with image.mounted() as disk:
        for number in range(IMAGES):
            (disk / str(number)).mkdir()
        os.sync()
        for number in range(IMAGES):
            save(writer, disk / str(number), number)
            with image.after(image.cut()) as place:
                there = any(path.is_file() for path in (place / str(number)).rglob("*"))
                fault = found(writer, place / str(number), number) if there else None
            fault = fault if there else "lost after return"
            tally.add("images", [fault] if fault else [], name)
            assert fault is None or name != US
        time.sleep(8)
        with image.after(image.cut()) as place:
            for number in range(IMAGES):
                fault = found(writer, place / str(number), number)
                tally.add("images", [fault] if fault else [], name)
                assert fault is None or name != US


def test_flips(name: str, tally: Tally, quick_path: Path, tmp_path: Path) -> None:
    """One bit of what was saved; silent: it is loaded without an error."""
    writer, template, folder = ALL[name], quick_path / "template", quick_path / "folder"
    template.mkdir()
    writer.prepare(tmp_path)
    save(writer, template, 1)
    random = np.random.default_rng(37)
    for _ in range(FLIPS):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sizes = np.array([path.stat().st_size for path in files])
        path = files[random.choice(len(files), p=sizes / sizes.sum())]
        data = bytearray(path.read_bytes())
        data[random.integers(len(data))] ^= 1 << random.integers(8)
        path.write_bytes(data)
        silent = found(writer, folder, 1) != "torn"
        tally.add("flips", ["silent"] * silent, name)
        assert name != US or not silent
