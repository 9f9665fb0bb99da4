"""The section `promotion`: when a new version may take the champion's place."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from training.config.base import Finite, NotNegative, Positive, Section, Share
from training.config.choice import by_type

Mode = Literal["auto", "min", "max"]
Seeds = Literal["chosen", "median", "worst"]
AliasName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class BetterRule(Section):
    """Better than the champion by at least so much."""

    type: Literal["better"] = "better"
    metric: str = "test_loss"
    """Measured on the held-out part, the same rows for both."""
    mode: Mode = "auto"
    """Whether lower (`min`) or higher (`max`) is better; `auto`: the metric's name says it."""
    by: NotNegative = 0.0
    """By how much at least; 0: any improvement."""
    relative: bool = False
    """`by` is a share of the champion's value: 0.02 is two per cent of it."""
    seeds: Seeds = "chosen"
    """With several seeds (`retraining.seeds`), which of them must be better."""


class NotWorseRule(Section):
    """Not worse than the champion by more than so much."""

    type: Literal["not_worse"] = "not_worse"
    metric: str
    """Measured on the held-out part, the same rows for both."""
    mode: Mode = "auto"
    """Whether lower (`min`) or higher (`max`) is better; `auto`: the metric's name says it."""
    than: NotNegative = 0.0
    """How much worse it may be."""
    relative: bool = False
    """`than` is a share of the champion's value."""
    seeds: Seeds = "chosen"
    """With several seeds (`retraining.seeds`), which of them must not be worse."""


class BeatsRule(Section):
    """Better than something that learns nothing, on the same rows."""

    type: Literal["beats"] = "beats"
    baseline: Literal["buy_and_hold", "flat", "moving_average", "random", "majority", "last_value"]
    """`buy_and_hold`, `flat`, `moving_average`, `random`: a measure of the backtest, of those that
    `evaluation.backtest.baselines` names; `majority`: the accuracy of always naming the class that
    is most frequent in training; `last_value`: the loss of naming the last known value."""
    measure: str = "sharpe"
    """Of the backtest: which measure, such as `sharpe` or `total_return`."""
    by: Finite = 0.0
    """By how much more than this; 0: by anything at all. Negative: it may be worse by as much."""


class DrawdownRule(Section):
    """The backtest never falls further than this below its highest point."""

    type: Literal["drawdown"] = "drawdown"
    at_most: Share = 0.2
    """A share: 0.2 is a fall of twenty per cent."""


class SignificantRule(Section):
    """The difference to the champion is no accident: a paired bootstrap over the held-out rows."""

    type: Literal["significant"] = "significant"
    of: Literal["loss", "returns"] = "loss"
    """What is resampled: each row's loss, or each bar's return after costs."""
    confidence: Annotated[float, Field(gt=0.5, lt=1, allow_inf_nan=False)] = 0.95
    """In how many of the samples the challenger must be better on average."""
    samples: Annotated[int, Field(strict=True, ge=100)] = 2000
    """How many samples are drawn."""
    block: Positive = 1
    """Rows that are drawn together: more than 1 where neighbours are alike."""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = 0
    """Which samples are drawn follows from it."""


class ApprovalRule(Section):
    """A person decides: what passes all other rules awaits approval."""

    type: Literal["approval"] = "approval"


class AllOfRule(Section):
    """All of these rules."""

    type: Literal["all_of"] = "all_of"
    rules: tuple[PromotionRule, ...] = Field(min_length=1)


class AnyOfRule(Section):
    """At least one of these rules."""

    type: Literal["any_of"] = "any_of"
    rules: tuple[PromotionRule, ...] = Field(min_length=1)


PromotionRule = Annotated[
    Annotated[BetterRule, Tag("better")]
    | Annotated[NotWorseRule, Tag("not_worse")]
    | Annotated[BeatsRule, Tag("beats")]
    | Annotated[DrawdownRule, Tag("drawdown")]
    | Annotated[SignificantRule, Tag("significant")]
    | Annotated[ApprovalRule, Tag("approval")]
    | Annotated[AllOfRule, Tag("all_of")]
    | Annotated[AnyOfRule, Tag("any_of")],
    by_type(
        "rule of promotion",
        (
            "better",
            "not_worse",
            "beats",
            "drawdown",
            "significant",
            "approval",
            "all_of",
            "any_of",
        ),
    ),
]


class PromotionConfig(Section):
    """When a new version may take the champion's place."""

    alias: AliasName = "champion"
    """The alias that the winner gets."""
    first: Literal["rules", "promote", "approval"] = "rules"
    """The first model ever, when there is no champion. `rules`: those that need no champion decide
    (baseline, drawdown, approval); `promote`: it becomes champion; `approval`: a person decides."""
    rules: tuple[PromotionRule, ...] = (BetterRule(),)
    """All of them must hold; none: every new version is promoted."""
