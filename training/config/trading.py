"""The trading environment: what an agent sees, may do, pays and is rewarded for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from training.config.actions import Actions, PositionActions
from training.config.base import NotNegative, Positive, PositiveFloat, Section, Share
from training.config.choice import by_type
from training.config.costs import CostsConfig
from training.config.rewards import LogReturnReward, Reward

AccountFact = Literal["position", "cash", "unrealised", "drawdown"]


class ObservationConfig(Section):
    """What an agent sees at the close of a bar, in this order: its account, then the features."""

    window: Positive = 10
    """Rows of features: the bar's own and those before it, the oldest first."""
    account: tuple[AccountFact, ...] = ("position", "cash")
    """`position`: weight of each symbol; `cash`: share of the equity; `unrealised`: what each
    position has gained since it was entered, as a share of the entry price; `drawdown`: how far the
    equity is below its highest, as a share of it."""
    clip: PositiveFloat | None = None
    """Values are cut off at plus and minus this; null: not at all."""


class LimitsConfig(Section):
    """How large positions may be when they are traded; what prices do afterwards is let be."""

    long: NotNegative = 1.0
    """Largest long weight of a symbol, as a share of the equity."""
    short: NotNegative = 1.0
    """Largest short weight of a symbol, as a share of the equity."""
    gross: PositiveFloat = 1.0
    """Largest sum of all weights, long and short; above 1 cash is borrowed."""


class WholeWindow(Section):
    """Each episode goes from the first bar that has a whole observation to the last."""

    type: Literal["whole"] = "whole"


class RandomStart(Section):
    """Each episode is so many bars long and begins somewhere.

    Where follows from the seed, the number of the environment and the number of the episode alone.
    """

    type: Literal["random"] = "random"
    length: Positive = 252
    """Bars, that is steps, of an episode."""


Episodes = Annotated[
    Annotated[WholeWindow, Tag("whole")] | Annotated[RandomStart, Tag("random")],
    by_type("kind of episodes", ("whole", "random"), default="whole"),
]


class TradingConfig(Section):
    """An environment in which an agent trades bars of one symbol or several.

    What is decided at a bar's close is carried out at the next bar's open, and rewarded at its
    close.
    """

    type: Literal["trading"] = "trading"
    actions: Actions = PositionActions()
    """What may be chosen."""
    observation: ObservationConfig = ObservationConfig()
    """What is seen."""
    reward: Reward = LogReturnReward()
    """What is rewarded."""
    costs: CostsConfig = CostsConfig()
    """What is paid."""
    limits: LimitsConfig = LimitsConfig()
    """How large positions may be."""
    stop_loss: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Close a position when its price is this share of the entry price against it; null: never."""
    take_profit: PositiveFloat | None = None
    """Close a position when its price is this share of the entry price in its favour; null: never.
    For a short position 1 or more is never reached."""
    episodes: Episodes = WholeWindow()
    """Where an episode begins, and how long it is."""
    initial_cash: PositiveFloat = 10_000.0
    """In the currency of the prices."""
    ruin: Share = 0.01
    """An episode ends, as terminated, when the equity is this share of the initial cash or less."""
