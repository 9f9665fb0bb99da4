"""The rows of a part as a registered model sees them: behind its own features and scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.errors import DataError

if TYPE_CHECKING:
    from training.data import Part, Table
    from training.registry.load import RegisteredModel
    from training.types import Array


def inputs_of(model: RegisteredModel, table: Table, part: Part, ahead: int) -> Array:
    """A model's own inputs for the rows of a part of another one's data set.

    Args:
        model: whose features are made.
        table: the whole table, so that features can look back.
        part: its rows are found by their times; without times, they are the last ones.
        ahead: rows after the part that labels look at.

    Raises:
        DataError: columns are missing, or the features look back further than the table begins.
    """
    pipeline, frame = model.pipeline, table.frame
    missing = [name for name in pipeline.columns if name not in frame.columns]
    if missing:
        raise DataError(
            f"{model.version} is made of column {missing[0]!r}, which the table has not; give the "
            "new model another name, so that it has no champion, or bring the column back"
        )
    if table.times is None or part.times is None:
        stop = len(frame) - ahead
        rows = np.arange(stop - len(part.x), stop)
    else:
        rows = np.searchsorted(table.times, part.times)
    if rows[0] < pipeline.warm_up:
        raise DataError(
            f"the features of {model.version} are not known for all rows of the held-out part: "
            f"they look back {pipeline.warm_up} rows; take a longer window"
        )
    inputs = pipeline.inputs(pipeline.scale(pipeline.compute(frame, table.time)))
    return np.ascontiguousarray(inputs[rows - pipeline.look_back.rows + 1])
