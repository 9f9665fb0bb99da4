"""What trading costs in the trading environment: the section `costs`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Tag

from training.config.base import NotNegative, Section
from training.config.choice import by_type


class ProportionalCommission(Section):
    """A share of the traded value."""

    type: Literal["proportional"] = "proportional"
    bps: NotNegative = 1.0
    """Hundredths of a per cent."""


class UnitCommission(Section):
    """An amount for each unit (share, coin) that is traded."""

    type: Literal["per_unit"] = "per_unit"
    amount: NotNegative = 0.005
    """In the currency of the prices."""


class FixedSlippage(Section):
    """A share of the price."""

    type: Literal["fixed"] = "fixed"
    bps: NotNegative = 1.0
    """Hundredths of a per cent."""


class RangeSlippage(Section):
    """A share of the range, high less low, of the bar in which it is traded."""

    type: Literal["range"] = "range"
    share: NotNegative = 0.05
    """0.05: a twentieth of the bar's range."""


Commission = Annotated[
    Annotated[ProportionalCommission, Tag("proportional")]
    | Annotated[UnitCommission, Tag("per_unit")],
    by_type("kind of commission", ("proportional", "per_unit"), default="proportional"),
]
Slippage = Annotated[
    Annotated[FixedSlippage, Tag("fixed")] | Annotated[RangeSlippage, Tag("range")],
    by_type("kind of slippage", ("fixed", "range"), default="fixed"),
]


class CostsConfig(Section):
    """What is paid for trading, and for holding what is borrowed."""

    commission: Commission = ProportionalCommission()
    """To the broker, on each trade."""
    spread_bps: NotNegative = 2.0
    """From bid to ask, in hundredths of a per cent of the price; a trade pays half of it."""
    slippage: Slippage = FixedSlippage()
    """How much worse than half the spread a trade is filled."""
    borrow_rate: NotNegative = 0.02
    """A year's, on what is borrowed: the value of short positions, and cash below zero."""
