"""What is measured of two models, and what a gate looks at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from training.market.measures import equity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.types import Array

CURVE_POINTS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One model on the held-out rows.

    Attributes:
        reference: `NAME:VERSION`.
        metrics: `test_loss`, `test_backtest_sharpe`, …; only what is measured and finite.
        losses: of each row, float64, shape (rows,); None: the model says no loss of a single row.
        returns: of each bar, after costs, float64, shape (bars,); None: no backtest.
    """

    reference: str
    metrics: dict[str, float]
    losses: Array | None = None
    returns: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """What a gate looks at.

    Attributes:
        challenger: the new version.
        champion: the one that it may replace; None: there is none.
        baselines: `majority_accuracy`, `last_value_loss`, `buy_and_hold_sharpe`, …: of what learns
            nothing, on the same rows.
        curves: what 1 has become at some of the bars, after costs, of `challenger`, `champion` and
            `buy_and_hold`; empty: no backtest.
        about: how many rows, the first and the last of them, and the moments of the curves' points,
            in plain values.
        notes: what a person should know of the comparison.
        seeds: what the models of all seeds of the challenger measure, by metric; empty: one seed.
    """

    challenger: Candidate
    champion: Candidate | None
    baselines: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seeds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def curves_of(returns: Mapping[str, Array]) -> dict[str, list[float]]:
    """What 1 has become: few enough points to be stored with a decision.

    Args:
        returns: of each bar, by name, all as long, shape (bars,).
    """
    points = points_of(max(map(len, returns.values())))
    return {name: equity(values)[points].tolist() for name, values in returns.items()}


def points_of(bars: int) -> Array:
    """At which bars the points of a curve are, shape (points,)."""
    points: Array = np.unique(np.linspace(0, bars - 1, CURVE_POINTS).astype(int))
    return points
