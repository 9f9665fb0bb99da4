"""A reward of one's own: the return of a bar, less a price on every trade.

Name it as `reward: {type: "docs.examples.custom_reward:sparing", price: 0.001}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.market.environment import Outcome
    from training.types import Array


def sparing(outcome: Outcome, *, price: float = 0.001) -> Array:
    """One number for each environment, from what the bar did to all of them."""
    reward: Array = outcome.returns - price * outcome.traded / outcome.before
    return reward
