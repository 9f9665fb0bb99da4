"""The section `data.target`: what the model learns to say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from training.config.base import Positive, PositiveFloat, Section
from training.config.choice import by_type


class DirectionTarget(Section):
    """1 where the price is higher `horizon` bars later, else 0."""

    type: Literal["direction"] = "direction"
    column: str = "close"
    horizon: Positive = 1


class ReturnTarget(Section):
    """The log return of the next `horizon` bars."""

    type: Literal["return"] = "return"
    column: str = "close"
    horizon: Positive = 1


class MultiStepTarget(Section):
    """The log returns to each of the next `steps` bars: as many outputs."""

    type: Literal["multi_step"] = "multi_step"
    column: str = "close"
    steps: Annotated[int, Field(strict=True, ge=2)] = 5


class TripleBarrierTarget(Section):
    """Which barrier the price meets first: 0 the lower, 2 the upper, 1 neither in `horizon` bars.

    The barriers are so many times the volatility that is known at the row, of the last `window` log
    returns, away from its price (López de Prado 2018, chapter 3).
    """

    type: Literal["triple_barrier"] = "triple_barrier"
    column: str = "close"
    horizon: Positive = 10
    window: Annotated[int, Field(strict=True, ge=2)] = 20
    upper: PositiveFloat = 2.0
    lower: PositiveFloat = 2.0


class ColumnTarget(Section):
    """A column of the source as it is, known at the same row as the features."""

    type: Literal["column"] = "column"
    column: str
    task: Literal["binary", "multiclass", "regression"] = "regression"
    """`binary` wants 0 and 1, `multiclass` wants 0, 1, 2, …"""


Target = Annotated[
    Annotated[DirectionTarget, Tag("direction")]
    | Annotated[ReturnTarget, Tag("return")]
    | Annotated[MultiStepTarget, Tag("multi_step")]
    | Annotated[TripleBarrierTarget, Tag("triple_barrier")]
    | Annotated[ColumnTarget, Tag("column")],
    by_type("target", ("direction", "return", "multi_step", "triple_barrier", "column")),
]
