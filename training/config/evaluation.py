"""The section `evaluation`: what is measured after training."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, Tag, field_validator, model_validator

from training.config.base import IF_SET, NotNegative, Positive, Section
from training.config.choice import by_type


class BuyAndHoldBaseline(Section):
    """Long from the first bar to the last."""

    type: Literal["buy_and_hold"] = "buy_and_hold"


class FlatBaseline(Section):
    """In cash all the time: earns nothing, and loses nothing."""

    type: Literal["flat"] = "flat"


class MovingAverageBaseline(Section):
    """Long while a short mean of the closes is above a long one.

    Else in cash, or short where `short` is set. Decided at the close, held to the next bar.
    """

    type: Literal["moving_average"] = "moving_average"
    fast: Positive = 20
    """Bars of the short mean."""
    slow: Positive = 50
    """Bars of the long mean; until so many are known, it stays in cash."""

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"fast = {self.fast} has to be below slow = {self.slow}")
        return self


class RandomBaseline(Section):
    """The model's own trades at random moments: the same turnover and exposure, no knowledge.

    Drawn from `training.seed`; of each measure the median of the draws.
    """

    type: Literal["random"] = "random"
    draws: Positive = 21
    """How many."""


Baseline = Annotated[
    Annotated[BuyAndHoldBaseline, Tag("buy_and_hold")]
    | Annotated[FlatBaseline, Tag("flat")]
    | Annotated[MovingAverageBaseline, Tag("moving_average")]
    | Annotated[RandomBaseline, Tag("random")],
    by_type("baseline", ("buy_and_hold", "flat", "moving_average", "random")),
]


class BacktestConfig(Section):
    """What a simple trading rule on the predictions would have earned."""

    cost_bps: NotNegative = 5.0
    """Cost of a change of position, in hundredths of a per cent of the traded value."""
    threshold: float = Field(default=0.5, ge=0, le=1)
    """Binary targets: long when the predicted probability is above this. Regression: above 0."""
    short: bool = False
    """Go short where the rule does not go long; else stay in cash."""
    tail: float = Field(default=0.05, gt=0, lt=1, json_schema_extra=IF_SET)
    """The share of the worst bars that value at risk looks at: 0.05 is a confidence of 95 %."""
    baselines: tuple[Baseline, ...] = Field(
        default=(
            BuyAndHoldBaseline(),
            FlatBaseline(),
            MovingAverageBaseline(),
            RandomBaseline(),
        ),
        json_schema_extra=IF_SET,
    )
    """What the model's strategy stands beside, after the same costs."""

    @field_validator("baselines")
    @classmethod
    def _each_once(cls, baselines: tuple[Baseline, ...]) -> tuple[Baseline, ...]:
        types = [baseline.type for baseline in baselines]
        double = [name for name in dict.fromkeys(types) if types.count(name) > 1]
        if double:
            raise ValueError(f"{double[0]!r} is there twice, and would be measured under one name")
        return baselines


class EvaluationConfig(Section):
    """What is measured after training, on validation and test part."""

    backtest: BacktestConfig | None = None
    """For targets made of a price; null: none."""
