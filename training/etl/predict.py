"""What is published: predictions of the champion for the newest rows, and who made them."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from blake3 import blake3

from training.data.table import fingerprint
from training.registry import load_model
from training.scoring import predictions, refuse_expired

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from training.config.pipeline import ScoreConfig
    from training.registry import ModelRegistry, ModelVersion
    from training.retraining import Moment

MARKS = ("name", "slot", "publication")
"""Columns that come before those of the predictions themselves."""


class Mark(NamedTuple):
    """Which publication it is: one of a slot stands at a time.

    Attributes:
        name: of the model.
        slot: what the predictions are up to.
        publication: follows from their values and the weights that made them.
    """

    name: str
    slot: str
    publication: str


def predict(
    model: tuple[ModelRegistry, ModelVersion, Collection[str]],
    source: str,
    config: ScoreConfig,
    as_of: Moment | None,
) -> pd.DataFrame:
    """Predictions for the newest rows, the features computed over all of them.

    Args:
        model: the registry, the version, and modules of its own that may be imported.
        source: the feature table, where a reader finds it.
        config: the section `score`.
        as_of: the moment that is looked from; None: now.

    Raises:
        DataError: not the columns that the model was trained on; or the model has expired.
    """
    import pandas as pd

    registry, version, trusted = model
    if not config.allow_expired:
        refuse_expired(version, _moment(as_of))
    pieces: deque[pd.DataFrame] = deque()
    held = 0
    for piece in predictions(load_model(registry, str(version), trusted), source):
        known = piece[piece.iloc[:, -2].notna()]
        pieces.append(known)
        held += len(known)
        while config.rows is not None and held - len(pieces[0]) >= config.rows:
            held -= len(pieces.popleft())
    frame = pd.concat(pieces, ignore_index=True)
    frame["model"] = frame["model"].astype(str)
    newest = frame if config.rows is None else frame.tail(config.rows)
    return newest.reset_index(drop=True)


def marked(frame: pd.DataFrame, version: ModelVersion, slot: str) -> tuple[pd.DataFrame, Mark]:
    """The rows to publish, with the publication that they are in each of them."""
    said = f"{version.name}\n{slot}\n{version.digest}\n{fingerprint(frame)}"
    mark = Mark(version.name, slot, blake3(said.encode()).hexdigest()[:16])
    rows = frame.copy()
    for at, (name, value) in enumerate(mark._asdict().items()):
        rows.insert(at, name, value)
    return rows, mark


def _moment(as_of: Moment | None) -> datetime | None:
    """A date means the end of that day."""
    if as_of is None or isinstance(as_of, datetime):
        return as_of
    return datetime.combine(as_of, datetime.max.time(), UTC)
