"""What earlier runs of the same name saw, which new data are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.types import Array


@dataclass(frozen=True, slots=True)
class Earlier:
    """Descriptions of tables, as `Table.description` has them.

    Attributes:
        tables: of earlier runs, the newest first.
        champion: of the model that serves now; None: there is none.
    """

    tables: tuple[Mapping[str, Any], ...] = ()
    champion: Mapping[str, Any] | None = None

    def of(self, symbol: str) -> Earlier:
        """What was seen of one symbol; of a table without symbols, ''."""
        tables = ({**table, "seen": table.get("seen", {}).get(symbol)} for table in self.tables)
        return Earlier(tuple(tables), self.champion)

    def last_other(self, seen: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Digests of the newest table that is not this very one; None: there is none.

        Args:
            seen: those of this one, as `seen_rows` gives them.
        """
        found = (table.get("seen") for table in self.tables)
        return next((other for other in found if other and other != seen), None)

    def new_rows(self, times: Array | None) -> int:
        """How many rows the champion has not seen: those later than its last.

        Args:
            times: of the rows, datetime64[ns], shape (rows,); None where rows have no time.
        """
        last = (self.champion or {}).get("last")
        if last is None or times is None:
            return 0
        import pandas as pd

        return int(np.count_nonzero(times > pd.Timestamp(last).tz_localize(None).to_datetime64()))
