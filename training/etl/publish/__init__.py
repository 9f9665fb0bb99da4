"""Where predictions go: one file for each kind. Each leaves one publication of a slot, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.config.pipeline import FileTarget
from training.etl.publish.file import check_file, publish_file
from training.etl.publish.sql import check_sql, publish_sql
from training.secrets import revealed, unspoken

if TYPE_CHECKING:
    import pandas as pd

    from training.config.pipeline import Target
    from training.etl.predict import Mark

__all__ = ["check_target", "publish_rows"]


@unspoken()
def check_target(target: Target) -> str:
    """Find out before all work whether there is a way there; nothing is written.

    Returns:
        The words for the place.

    Raises:
        DataError: there is none.
        StorageError: it does not answer.
    """
    place = revealed(target)
    return check_file(place) if isinstance(place, FileTarget) else check_sql(place)


@unspoken()
def publish_rows(target: Target, rows: pd.DataFrame, mark: Mark) -> bool:
    """Put the rows there, in the place of what the slot had; all of them or none.

    Returns:
        False: they were there already, and nothing was written.

    Raises:
        DataError: they do not fit there.
        StorageError: the place refused or failed; what was there stands.
    """
    place = revealed(target)
    if isinstance(place, FileTarget):
        return publish_file(place, rows, mark)
    return publish_sql(place, rows, mark)
