"""Whether rows that were seen before are still what they were."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.table import fingerprint
from training.data.times import plain_times

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from training.config.checks import RevisedCheck
    from training.data.checking.view import Report, View
    from training.types import Array

BLOCKS = 16
DIGEST = slice(7, 39)
"""128 bits of a digest: enough to see a change, and short in every record of a run."""


def seen_rows(frame: pd.DataFrame, time: str | None) -> dict[str, Any]:
    """Digests of stretches of a table, in plain values, for the check `revised` of the next run.

    Args:
        frame: the table.
        time: name of its time column; without one there is nothing to find rows again by.
    """
    if time is None or not len(frame):
        return {}
    times = plain_times(frame[time])
    borders = np.unique(np.linspace(0, len(frame), BLOCKS + 1).astype("int64"))
    stretches = [
        [str(times[start]), str(times[stop - 1]), fingerprint(frame[start:stop])[DIGEST]]
        for start, stop in pairwise(borders)
    ]
    return {"columns": [str(name) for name in frame.columns], "stretches": stretches}


def check_revised(_: RevisedCheck, view: View, report: Report) -> None:
    """Stretches of the last other table that are wholly in this one, and differ.

    What saw this very table already (an earlier attempt, another model) says nothing of revisions.
    """
    frame = view.table
    if view.time is None or not len(frame) or not view.earlier.tables:
        return
    seen = view.earlier.last_other(seen_rows(frame, view.time))
    if seen is None or seen.get("columns") != list(frame.columns):
        return
    times = plain_times(frame[view.time])
    changed = [
        (first, last)
        for first, last, digest in seen["stretches"]
        if times[0] <= np.datetime64(first)
        and np.datetime64(last) <= times[-1]
        and fingerprint(frame[_within(times, first, last)])[DIGEST] != digest
    ]
    if changed:
        report.add(
            f"rows that an earlier run saw have other values now, in {len(changed)} of "
            f"{len(seen['stretches'])} stretches, the first from {changed[0][0]} to "
            f"{changed[0][1]}; see what the source corrected, and train afresh if it is right"
        )


def _within(times: Array, first: str, last: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (times >= np.datetime64(first)) & (times <= np.datetime64(last))
    return found
