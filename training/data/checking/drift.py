"""Whether the latest features are unlike the past, by the standard of that past.

Fixed limits always fire on market data: "a Kolmogorov-Smirnov test below 5 % in any of six
features" flags every month of twenty years of the S&P 500, and a stability index above 0.2 nearly
every one. So a distance counts only when it is above a quantile of the distances that earlier
stretches had.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.types import Array

LEAST_STRETCHES = 20
"""Fewer earlier stretches say nothing of what is usual."""
BINS = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the latest rows of one feature are from those before.

    Attributes:
        feature: its name.
        distance: of the latest rows.
        usual: the quantile of the distances of earlier stretches.
    """

    feature: str
    distance: float
    usual: float

    @property
    def drifted(self) -> bool:
        """Whether the distance is above what is usual."""
        return self.distance > self.usual


def drifts(
    values: Array,
    names: Sequence[str],
    *,
    rows: int,
    quantile: float = 0.975,
    statistic: Literal["ks", "psi"] = "ks",
) -> list[Drift]:
    """The latest rows of each feature against all before them; none where the past is too short.

    Args:
        values: shape (rows, features), oldest first, without missing values.
        names: of the features.
        rows: the latest, that are compared.
        quantile: of the distances of earlier stretches.
        statistic: the distance.
    """
    stretches = len(values) // rows
    if stretches < LEAST_STRETCHES + 2:
        return []
    distance = ks_distance if statistic == "ks" else stability_index
    ends = [len(values) - back * rows for back in range(stretches - 1)]
    found = []
    for name, column in zip(names, np.asarray(values).T, strict=True):
        latest, *earlier = (
            distance(column[: end - rows], column[end - rows : end]) for end in ends
        )
        found.append(Drift(name, latest, float(np.quantile(earlier, quantile))))
    return found


def ks_distance(past: Array, recent: Array) -> float:
    """The largest distance between the two distribution functions (Kolmogorov and Smirnov)."""
    past, recent = np.sort(past), np.sort(recent)
    points = np.concatenate([past, recent])
    below_past = np.searchsorted(past, points, side="right") / len(past)
    below_recent = np.searchsorted(recent, points, side="right") / len(recent)
    return float(np.abs(below_past - below_recent).max())


def stability_index(past: Array, recent: Array) -> float:
    """Population stability index: ten bins with equally many past values each.

    Half a value is added to each bin, so that an empty one has a logarithm.
    """
    borders = np.quantile(past, np.linspace(0, 1, BINS + 1)[1:-1])
    shares = [
        (np.bincount(np.searchsorted(borders, values), minlength=BINS) + 0.5)
        / (len(values) + 0.5 * BINS)
        for values in (past, recent)
    ]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
