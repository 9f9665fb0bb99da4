"""Scoring a file: predictions of a registered model, written beside what made them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from training.registry import load_model
from training.scoring.age import refuse_expired
from training.scoring.table import CHUNK_ROWS, predictions
from training.scoring.writing import Output

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection

    import pandas as pd

    from training.registry import ModelRegistry


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """What was scored.

    Attributes:
        model: `name`, `version`, `digest` of the version that made the predictions.
        rows: of the input.
        predictions: rows that have one: all but the first, where features look back.
        output: the file.
    """

    model: dict[str, Any]
    rows: int
    predictions: int
    output: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def score(  # noqa: PLR0913 - what is scored, by what, where to, and how
    registry: ModelRegistry,
    reference: str,
    source: str | pd.DataFrame,
    output: str | os.PathLike[str],
    *,
    chunk_rows: int = CHUNK_ROWS,
    allow_expired: bool = False,
    trusted: Collection[str] = (),
    tell: Callable[[int], None] = lambda _rows: None,
) -> ScoreResult:
    """Score a table of any size; the output is there whole or not at all.

    Args:
        registry: where the model is.
        reference: `NAME`, `NAME:VERSION` or `NAME@ALIAS`.
        source: a CSV or Parquet file, a folder of them, a glob; or a DataFrame.
        output: ends in `.parquet` or `.csv`.
        chunk_rows: rows in memory at a time; 0: all.
        allow_expired: use a model that is older than its configuration allows.
        trusted: modules of custom models and features that may be imported.
        tell: is told how many rows are done.

    Raises:
        NotFoundError: no such model or version.
        DataError: not the columns that the model was trained on; or the model has expired.
        IntegrityError: bytes are not what the model's manifest says.
    """
    model = load_model(registry, reference, trusted)
    if not allow_expired:
        refuse_expired(model.version)
    note = {"model": str(model.version), "digest": model.version.digest}
    rows = made = 0
    with Output(output, note) as out:
        for table in predictions(model, source, chunk_rows):
            out.write(table)
            rows += len(table)
            made += int(table.iloc[:, -2].notna().sum())
            tell(rows)
    return ScoreResult(model.version.to_json(), rows, made, str(output))
