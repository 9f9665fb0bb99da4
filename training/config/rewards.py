"""What a trading agent is rewarded for: the kinds of `reward`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Tag

from training.config.base import NotNegative, PositiveFloat, Section
from training.config.choice import CUSTOM, by_type


class LogReturnReward(Section):
    """The log return of the equity, after costs; an episode's sum is its whole log return."""

    type: Literal["log_return"] = "log_return"
    scale: PositiveFloat = 1.0
    """Rewards are multiplied by it."""


class DifferentialSharpeReward(Section):
    """The differential Sharpe ratio (Moody and Saffell 2001): what a bar adds to the Sharpe ratio.

    Of the exponential averages A of returns and B of their squares before the bar, and its simple
    return R: (B·(R - A) - A·(R² - B) / 2) / (B - A²)^1.5.
    """

    type: Literal["differential_sharpe"] = "differential_sharpe"
    scale: PositiveFloat = 1.0
    """Rewards are multiplied by it."""
    rate: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """How much a new bar counts in the averages; 0.01 looks back about 100 bars."""
    volatility: PositiveFloat = 0.01
    """A usual return of a bar, with which the averages begin: A = 0, B = its square. The variance
    is never taken for less than a hundredth of that square."""


class DrawdownPenalisedReward(Section):
    """The log return, less `penalty` times what the bar added to the episode's deepest drawdown.

    An episode's sum is its log return less `penalty` times its maximum drawdown.
    """

    type: Literal["drawdown_penalised"] = "drawdown_penalised"
    scale: PositiveFloat = 1.0
    """Rewards are multiplied by it."""
    penalty: NotNegative = 1.0
    """1: a drawdown of 10 % costs as much as a log return of -0.1."""


class CustomReward(Section):
    """A function of one's own; every other key is an argument of it.

    It is given a `training.market.environment.Outcome`, whose arrays have a row for each
    environment, and gives one number a row. What it gives must follow from the outcome alone.
    """

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:function`."""

    def settings(self) -> dict[str, Any]:
        """The arguments of the function."""
        return dict(self.model_extra or {})


Reward = Annotated[
    Annotated[LogReturnReward, Tag("log_return")]
    | Annotated[DifferentialSharpeReward, Tag("differential_sharpe")]
    | Annotated[DrawdownPenalisedReward, Tag("drawdown_penalised")]
    | Annotated[CustomReward, Tag(CUSTOM)],
    by_type(
        "reward",
        ("log_return", "differential_sharpe", "drawdown_penalised"),
        custom=True,
        default="log_return",
    ),
]
