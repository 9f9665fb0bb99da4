"""Stop-loss and take-profit, from the bar's own range."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from training.types import Array


class Exits(NamedTuple):
    """Which positions were closed inside the bar, and at which prices; (environments, symbols)."""

    closed: Array
    price: Array


class Span(NamedTuple):
    """Prices of a bar, each of shape (environments, symbols)."""

    open: Array
    high: Array
    low: Array


def find_exits(
    units: Array, entry: Array, bar: Span, stop_loss: float | None, take_profit: float | None
) -> Exits:
    """Positions that a stop or a target closed.

    A stop that the bar opens beyond is filled at the open, which is worse; a target that it opens
    beyond is filled at the open too, which is better, and before anything else. When stop and
    target both lie inside the range nobody knows which came first: the stop is assumed.

    Args:
        units: held since the open, negative when short, shape (environments, symbols).
        entry: what a unit was worth when the position was entered.
        bar: the prices.
        stop_loss: share of the entry price that may be lost; None: any.
        take_profit: share of the entry price that is enough; None: never.
    """
    long = units > 0
    side = np.sign(units)
    closed = np.zeros(units.shape, dtype=bool)
    price = bar.open
    if stop_loss is not None:
        level = entry * (1.0 - side * stop_loss)
        closed = np.where(long, bar.low <= level, bar.high >= level)
        price = np.where(long, np.minimum(level, bar.open), np.maximum(level, bar.open))
    if take_profit is not None:
        goal = entry * (1.0 + side * take_profit)
        reached = np.where(long, bar.high >= goal, bar.low <= goal)
        at_once = np.where(long, bar.open >= goal, bar.open <= goal)
        better = np.where(at_once, bar.open, goal)
        price = np.where(reached & (at_once | ~closed), better, price)
        closed = closed | reached
    return Exits(closed & (units != 0), price)
