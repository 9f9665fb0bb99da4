"""The power fails on a real ext4 file system: as a call returns, later, and in the middle of it."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.durability.images import CAN_MOUNT, Image
from tests.durability.operations import OPERATIONS, fill
from tests.durability.processes import Child
from tests.durability.tally import judge, outside
from training.artifacts import ArtifactStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.durability.tally import Tally

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not CAN_MOUNT, reason="mounting an image needs root and mkfs.ext4"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

AT_RETURN, IN_THE_MIDDLE = 25, 25
LATER = 8.0
"""Seconds: by then the system has written back what was never synced."""


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_power_cut_on_ext4_loses_or_tears_anything(
    name: str, tally: Tally, tmp_path: Path
) -> None:
    """50 images an operation, and one more of all of them 8 s later."""
    image = Image(tmp_path)
    random = np.random.default_rng(29)
    with image.mounted() as disk:
        template = tmp_path / "template"
        fill(ArtifactStore(template))
        total = AT_RETURN + IN_THE_MIDDLE
        for number in range(total):
            shutil.copytree(template, disk / str(number) / "store")
        os.sync()
        for number in range(total):
            store = ArtifactStore(disk / str(number) / "store")
            if number < AT_RETURN:
                OPERATIONS[name].act(store)
                copy, returned = image.cut(), True
            else:
                child = Child(lambda store=store: OPERATIONS[name].act(store))  # type: ignore[misc] # bound at once
                child.go()
                time.sleep(random.uniform(0, 0.06))
                child.pause()  # a copy takes time, and a power cut does not
                copy, returned = image.cut(), False
                child.resume()
                child.wait()
            check(image, copy, [number], name, tally, returned=returned)
        time.sleep(LATER)
        check(image, image.cut("later"), range(total), name, tally, returned=True)


def check(
    image: Image, copy: Path, numbers: range | list[int], name: str, tally: Tally, *, returned: bool
) -> None:
    """Judge stores in an image."""
    with image.after(copy) as place:
        for number in numbers:
            root = place / str(number) / "store"
            faults = list(judge(ArtifactStore(root), OPERATIONS[name], returned=returned))
            faults += ["leaked outside"] * bool(outside(root))
            tally.add("images", faults)
            assert not faults, f"{faults} in image {number}"
