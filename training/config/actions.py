"""What a trading agent may choose: the kinds of `actions`."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, Tag, field_validator

from training.config.base import Finite, NotNegative, Section
from training.config.choice import by_type


class PositionActions(Section):
    """One choice a symbol: short, flat or long; it is held, unchanged, until another is made.

    A full position is an equal part of the equity: all of it for one symbol, half for each of two.
    """

    type: Literal["positions"] = "positions"
    short: bool = True
    """Whether short may be chosen; false: flat or long."""
    joint: bool = False
    """Of several symbols: one choice among all combinations (what DQN needs), not one a symbol."""
    rebalance: NotNegative | None = None
    """Trade back to the chosen weight when the position has drifted further from it, as a share of
    the equity; null: never, only a new choice trades."""


class WeightActions(Section):
    """One choice a symbol among target weights; it is held, unchanged, until another is made."""

    type: Literal["weights"] = "weights"
    levels: Annotated[tuple[Finite, ...], Field(min_length=2)] = (-1.0, -0.5, 0.0, 0.5, 1.0)
    """Shares of the symbol's equal part of the equity, rising; negative is short."""
    joint: bool = False
    """Of several symbols: one choice among all combinations (what DQN needs), not one a symbol."""
    rebalance: NotNegative | None = None
    """Trade back to the chosen weight when the position has drifted further from it, as a share of
    the equity; null: never, only a new choice trades."""

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if any(later <= earlier for earlier, later in pairwise(levels)):
            message = f"levels {list(levels)} do not rise; expected each once, the lowest first"
            raise ValueError(message)
        return levels


class ContinuousActions(Section):
    """A number from -1 to 1 a symbol: the share of `limits.long`, or of `limits.short`, to hold."""

    type: Literal["continuous"] = "continuous"
    rebalance: NotNegative = 0.01
    """Trade only when the weight that is wanted and the one that is held are further apart, as a
    share of the equity."""


Actions = Annotated[
    Annotated[PositionActions, Tag("positions")]
    | Annotated[WeightActions, Tag("weights")]
    | Annotated[ContinuousActions, Tag("continuous")],
    by_type("kind of actions", ("positions", "weights", "continuous"), default="positions"),
]
