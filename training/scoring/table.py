"""A table of predictions: a row for each row of the input."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.sources.columns import time_name
from training.data.stream import FeatureStream
from training.errors import DataError
from training.registry.load import PREDICTED_AT_ONCE, predict_in_blocks
from training.scoring.reading import read_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from training.registry import RegisteredModel
    from training.types import Array

CHUNK_ROWS = 65536


def predictions(
    model: RegisteredModel, source: str | pd.DataFrame, chunk_rows: int = CHUNK_ROWS
) -> Iterator[pd.DataFrame]:
    """Predictions piece by piece: the same bits however the rows are cut.

    Args:
        model: a registered version.
        source: a CSV or Parquet file, a folder of them, a glob; or a DataFrame.
        chunk_rows: rows at a time, rounded up to whole blocks; 0: all at once.

    Yields:
        The time or number of each row, `prediction` (`prediction_0`, … where a row has several;
        NaN in the first rows, where features look back), `model`: the version's reference.

    Raises:
        DataError: not the columns that the model was trained on, wrong values, or too few rows.
    """
    if not model.pipeline.names:
        raise DataError(
            f"{model.version} was not trained on a table, and so there is none that it can score"
        )
    blocks = -(-chunk_rows // PREDICTED_AT_ONCE) or 2**40
    size, warm_up = blocks * PREDICTED_AT_ONCE, model.pipeline.warm_up
    sizes = chain([size + warm_up], repeat(size))
    stream = FeatureStream(model.pipeline)
    where = source if isinstance(source, str) else "the DataFrame"
    symbol = model.pipeline.symbol
    columns = (*model.pipeline.columns, *((symbol,) if symbol else ()))
    told: Any = getattr(model.model, "account", None)
    optional = getattr(model.model, "columns", ()) if told else ()
    for frame in read_pieces(source, columns, sizes, optional):
        first = stream.seen
        inputs = stream.push(frame, where)
        if len(inputs):
            further = (told(frame.iloc[-len(inputs) :]),) if told else ()
            yield _table(frame, predict_in_blocks(model.model, inputs, *further), first, model)
    if stream.seen <= warm_up:
        raise DataError(
            f"{where}: {stream.seen} rows; the first prediction is for row {warm_up + 1}, since "
            "features look back: give earlier rows too"
        )


def _table(
    frame: pd.DataFrame, predicted: Array, first: int, model: RegisteredModel
) -> pd.DataFrame:
    import pandas as pd

    time = time_name([str(name) for name in frame.columns], None)
    flat = predicted.reshape(len(predicted), -1)
    aligned = np.full((len(frame), flat.shape[1]), np.nan, flat.dtype)
    several = model.pipeline.symbol is not None
    scored = model.pipeline.scored_rows(frame) if several else slice(len(frame) - len(flat), None)
    aligned[scored] = flat
    names = ["prediction"] if flat.shape[1] == 1 else [
        f"prediction_{at}" for at in range(flat.shape[1])
    ]  # fmt: skip
    rows: dict[str, Any] = {"row": np.arange(first + 1, first + 1 + len(frame))}
    keys = rows if time is None else {time: frame[time]}
    if model.pipeline.symbol is not None:
        keys[model.pipeline.symbol] = frame[model.pipeline.symbol]
    made = pd.DataFrame(keys | {name: aligned[:, at] for at, name in enumerate(names)})
    made["model"] = pd.Categorical.from_codes(
        np.zeros(len(frame), "int8"), categories=pd.Index([str(model.version)])
    )
    return made
