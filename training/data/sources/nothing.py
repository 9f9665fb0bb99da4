"""No rows, where somebody asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from training.errors import DataError

if TYPE_CHECKING:
    from training.config.sources import NoSource


def read_nothing(_source: NoSource) -> NoReturn:
    """There are no rows to read.

    Raises:
        DataError: always.
    """
    raise DataError(
        "data.source.type = 'none' has no rows; expected a table (csv, parquet, sql, …), since "
        "only an agent with an environment of its own learns without one"
    )
