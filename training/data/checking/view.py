"""What a check is given, and how it says what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd

    from training.config.checks import Check
    from training.config.sources import Source
    from training.data.earlier import Earlier
    from training.data.findings import Findings, Severity
    from training.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A table that was read, before anything is made of it.

    Attributes:
        frame: rows in order of time; the index says the rows of the source.
        table: the rows that are used, as their fingerprint is taken.
        numbers: its columns of numbers as float64, by name.
        time: name of the time column, None without.
        prices: names of the used columns that are prices.
        source: where it came from.
        earlier: what earlier runs saw.
        trusted: modules that `module:name` may name; None: all.
    """

    frame: pd.DataFrame
    table: pd.DataFrame
    numbers: Mapping[str, pd.Series[float]]
    time: str | None
    prices: tuple[str, ...]
    source: Source
    earlier: Earlier
    trusted: Collection[str] | None = None

    @property
    def times(self) -> pd.Series[Any] | None:
        """The times of the rows."""
        return None if self.time is None else self.frame[self.time]

    def log_returns(self, column: str) -> pd.Series[float]:
        """Of each row but the first; where prices are not above 0 there is none."""
        price = self.numbers[column]
        logs = price.copy()
        logs[:] = np.log(price.where(price > 0))
        return logs.diff().iloc[1:].dropna()


@dataclass(frozen=True, slots=True)
class Report:
    """Says what one check found."""

    findings: Findings
    check: str
    level: Severity

    @classmethod
    def of(cls, check: Check, findings: Findings) -> Report:
        """For a check that is not off."""
        return cls(findings, check.type, "error" if check.level == "error" else "warning")

    def add(self, text: str, column: str | None = None) -> None:
        """Something is wrong with a column, or with the whole."""
        said = f"column {column!r} {text}" if column else text
        self.findings.add(said, column=column, check=self.check, level=self.level)

    def add_values(self, values: pd.Series[Any], fault: str, way_out: str) -> None:
        """Values of a column are wrong; their index says the rows."""
        self.findings.add_values(values, fault, way_out, check=self.check, level=self.level)


def deviations_from_median(values: Array) -> Array:
    """Distance from the median in robust standard deviations; 0 where half of all are equal."""
    middle = np.median(values)
    deviation = 1.4826 * np.median(np.abs(values - middle))
    distance: Array = np.abs(values - middle)
    return distance / deviation if deviation > 0 else np.zeros(len(values))
