"""Rows from a function of the user's own."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

from training.data.sources.columns import chosen_columns
from training.data.sources.handed_over import index_as_column
from training.data.sources.rows import Rows
from training.errors import DataError
from training.imports import import_function

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.config.sources import CustomSource


def read_custom(source: CustomSource, trusted: Collection[str] | None) -> Rows:
    """The rows of the DataFrame that the function gives.

    Raises:
        ConfigError: its module is not trusted, or has no such function.
        DataError: it raised, gave no DataFrame, or a column that was asked for is not there.
    """
    import pandas as pd

    function = import_function(source.type, trusted)
    window = {
        "start": source.start,
        "end": source.end,
        "as_of": source.as_of,
        "columns": source.columns,
    }
    known = signature(function).parameters
    arguments = {name: value for name, value in window.items() if name in known}
    try:
        frame = function(**arguments, **source.settings())
    except Exception as error:
        raise DataError(f"data.source {source.type!r} raised {error!r}") from error
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"data.source {source.type!r} gave a {type(frame).__name__}; expected a DataFrame"
        )
    frame = index_as_column(frame)
    frame.columns = [str(name) for name in frame.columns]
    return Rows(frame[chosen_columns(list(frame.columns), source, source.type)], source.type)
