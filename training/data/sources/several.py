"""Several files that make one table."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from training.data.sources.rows import Rows
from training.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


def joined(frames: Sequence[pd.DataFrame], names: Sequence[str], where: str) -> Rows:
    """One after the other.

    Raises:
        DataError: they have not the same columns.
    """
    import pandas as pd

    if len(frames) == 1:
        return Rows(frames[0].reset_index(drop=True), where)
    columns = list(frames[0].columns)
    findings = [
        f"{name}: has the columns {', '.join(map(str, frame.columns))}, but {names[0]} has "
        f"{', '.join(columns)}; all files of one source need the same"
        for name, frame in zip(names, frames, strict=True)
        if set(frame.columns) != set(columns)
    ]
    if findings:
        raise DataError("\n".join(findings))
    before = accumulate((len(frame) for frame in frames), initial=0)
    filled = [frame[columns] for frame in frames if len(frame)] or [frames[0]]
    return Rows(
        pd.concat(filled, ignore_index=True),
        where,
        files=tuple(zip(names, before, strict=False)),
        notes=(f"{len(names)} files",),
    )
