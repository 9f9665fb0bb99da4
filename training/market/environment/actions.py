"""From what an agent chooses to the weights that it wants to hold."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Protocol

import numpy as np
from gymnasium import spaces

from training.config.actions import ContinuousActions, PositionActions, WeightActions
from training.errors import ConfigError
from training.market.environment.totals import total

if TYPE_CHECKING:
    from typing import Any

    from training.config.trading import LimitsConfig, TradingConfig
    from training.types import Array

MOST_COMBINATIONS = 1024


class Actions(Protocol):
    """A kind of actions.

    Attributes:
        space: of one environment's actions.
        rebalance: how far a weight may drift before it is traded back; None: however far.
        repeats: whether the same choice again means to hold what there is.
    """

    space: spaces.Space[Any]
    rebalance: float | None
    repeats: bool

    def targets(self, actions: Array) -> Array:
        """The wanted weights, shape (environments, symbols).

        Raises:
            ValueError: actions that are not in the space.
        """
        ...


def make_actions(config: TradingConfig, symbols: int) -> Actions:
    """The actions that a configuration describes.

    Raises:
        ConfigError: too many combinations for `joint`.
    """
    kind = config.actions
    if isinstance(kind, ContinuousActions):
        return WantedWeights(kind, config.limits, symbols)
    weights = _levels(kind, config.limits, symbols)
    if symbols == 1:
        return OneChoice(weights[:, np.newaxis], kind.rebalance)
    if not kind.joint:
        return ChoicePerSymbol(weights, symbols, kind.rebalance)
    if len(weights) ** symbols > MOST_COMBINATIONS:
        raise ConfigError(
            f"actions.joint makes {len(weights)}^{symbols} = {len(weights) ** symbols} choices of "
            f"{symbols} symbols; expected {MOST_COMBINATIONS} at most: take fewer symbols or "
            "levels, or joint: false with an agent that takes one choice a symbol (PPO, A2C)"
        )
    return OneChoice(np.array(list(product(weights, repeat=symbols))), kind.rebalance)


class OneChoice:
    """A choice among rows of a table of weights; the last row of all symbols changes quickest."""

    repeats = True

    def __init__(self, table: Array, rebalance: float | None) -> None:
        """Take a table of shape (choices, symbols)."""
        self.space = spaces.Discrete(len(table))
        self.rebalance = rebalance
        self._table = table

    def targets(self, actions: Array) -> Array:
        """The chosen rows."""
        return self._table[_choices(actions, 1, len(self._table))]


class ChoicePerSymbol:
    """For each symbol a choice among the same weights."""

    repeats = True

    def __init__(self, weights: Array, symbols: int, rebalance: float | None) -> None:
        """Take the weights, shape (choices,)."""
        self.space = spaces.MultiDiscrete([len(weights)] * symbols)
        self.rebalance = rebalance
        self._weights = weights

    def targets(self, actions: Array) -> Array:
        """The chosen weights."""
        return self._weights[_choices(actions, 2, len(self._weights))]


class WantedWeights:
    """A number from -1 to 1 for each symbol."""

    repeats = False

    def __init__(self, kind: ContinuousActions, limits: LimitsConfig, symbols: int) -> None:
        """Take the limits, which are what -1 and 1 mean."""
        self.space = spaces.Box(-1.0, 1.0, (symbols,), np.float32)
        self.rebalance: float | None = kind.rebalance
        self._limits = limits

    def targets(self, actions: Array) -> Array:
        """The wanted weights, scaled down where their sum is above `limits.gross`."""
        wanted = np.asarray(actions, dtype=np.float64)
        if not np.isfinite(wanted).all():
            raise ValueError("an action is not a finite number; expected numbers from -1 to 1")
        wanted = np.clip(wanted, -1.0, 1.0)
        weights = wanted * np.where(wanted < 0, self._limits.short, self._limits.long)
        gross = np.maximum(total(np.abs(weights)), self._limits.gross)
        return weights * (self._limits.gross / gross)[:, np.newaxis]


def _levels(kind: PositionActions | WeightActions, limits: LimitsConfig, symbols: int) -> Array:
    """The weight that each choice of a symbol means, shape (choices,)."""
    if isinstance(kind, WeightActions):
        levels = np.array(kind.levels)
    else:
        levels = np.array([-1.0, 0.0, 1.0] if kind.short else [0.0, 1.0])
    lowest, highest = -min(limits.short, limits.gross), min(limits.long, limits.gross)
    return np.clip(levels / symbols, lowest, highest)


def _choices(actions: Array, dimensions: int, among: int) -> Array:
    choices = np.asarray(actions)
    if choices.dtype.kind not in "iu" or choices.ndim != dimensions:
        raise ValueError(
            f"actions are {choices.dtype.name} of shape {choices.shape}; expected whole numbers, "
            "one for each environment" + (" and symbol" if dimensions > 1 else "")
        )
    # As unsigned numbers those below zero are the largest of all.
    if choices.astype(np.int64, copy=False).view(np.uint64).max() >= among:
        raise ValueError(
            f"actions go from {choices.min()} to {choices.max()}; expected 0 to {among - 1}"
        )
    return choices
