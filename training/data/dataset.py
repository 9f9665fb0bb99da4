"""What a model is trained on: parts as arrays, and how they came about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data.pipeline import FeaturePipeline
    from training.types import Array, Batch, TaskKind

    Pick = Callable[[slice | Array], Batch]


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """The closes that a part's rows belong to, with those before them.

    Attributes:
        close: of all rows of the table, shape (rows of the table,); may lie on disk.
        symbols: the rows of each symbol in the table; of one series all rows.
        at: which rows of the table the part has: a slice with both ends, or their numbers.
    """

    close: Array
    symbols: tuple[slice, ...]
    at: slice | Array

    def rows(self, chosen: slice) -> Prices:
        """Of some of the part's rows."""
        if not isinstance(self.at, slice):
            return replace(self, at=self.at[chosen])
        left = range(self.at.start, self.at.stop)[chosen]
        return replace(self, at=slice(left.start, left.stop))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows that belong together.

    Attributes:
        x: inputs, shape (rows, inputs), C-contiguous; windows of several rows are a view in which
            neighbours share their rows, flat or with an axis of their own, shape
            (rows, window, features).
        y: targets, shape (rows,) or (rows, outputs); whole numbers for `multiclass`.
        times: datetime64[ns], in UTC where a zone is known, shape (rows,); None where rows have
            no time.
        forward_returns: simple return from each bar to the next, float64, shape (rows,); None where
            the target is no price.
        weight: of the rows in a loss, above 0, shape (rows,); None: all count alike.
        prices: what the returns are of; None where the target is no price.
        readers: threads that read batches in a new order ahead, where the rows lie on disk.
        pick: gives the batch of some rows, a slice or their indices; None: from the arrays.
    """

    x: Array
    y: Array
    times: Array | None = None
    forward_returns: Array | None = None
    weight: Array | None = None
    prices: Prices | None = None
    readers: int = 0
    pick: Pick | None = None

    def rows(self, chosen: slice) -> Part:
        """Some of the rows, in views."""
        return Part(
            x=self.x[chosen],
            y=self.y[chosen],
            times=None if self.times is None else self.times[chosen],
            forward_returns=None if self.forward_returns is None else self.forward_returns[chosen],
            weight=None if self.weight is None else self.weight[chosen],
            prices=None if self.prices is None else self.prices.rows(chosen),
            readers=self.readers,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Three parts in order of time, none of which knows anything of a later one.

    Attributes:
        train: what the model learns from, and the scaler.
        validation: measured after each epoch.
        test: measured once, at the end.
        features: names of the last axis of `x`.
        task: what the targets are.
        outputs: number of outputs.
        fingerprint: of the table that was loaded.
        pipeline: features and scaling, as fitted.
        bars_per_year: rows a year, from the timestamps; None without.
        description: plain values for a person.
    """

    train: Part
    validation: Part
    test: Part
    features: tuple[str, ...]
    task: TaskKind
    outputs: int
    fingerprint: str
    pipeline: FeaturePipeline
    bars_per_year: float | None = None
    description: dict[str, Any] = field(default_factory=dict)
