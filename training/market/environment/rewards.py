"""What a bar is worth to an agent, for many environments at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from training.config.rewards import (
    CustomReward,
    DifferentialSharpeReward,
    DrawdownPenalisedReward,
    LogReturnReward,
)
from training.errors import TrainingError
from training.imports import import_function

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from training.config.rewards import Reward as RewardConfig
    from training.market.environment.outcome import Outcome
    from training.types import Array

LEAST_RATIO = 1e-8
LEAST_VARIANCE = 0.01


class Reward(Protocol):
    """A kind of reward; what it remembers of the episode, it saves."""

    def of(self, outcome: Outcome) -> Array:
        """The reward of each environment, shape (environments,)."""
        ...

    def clear(self, which: Array) -> None:
        """An episode begins where it is said."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """A copy of the memory."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with that memory."""
        ...


def make_reward(config: RewardConfig, environments: int, trusted: Collection[str] | None) -> Reward:
    """The reward that a configuration describes.

    Raises:
        ConfigError: a function that cannot be imported, or must not be.
    """
    if isinstance(config, LogReturnReward):
        return LogReturn(config.scale)
    if isinstance(config, DifferentialSharpeReward):
        return DifferentialSharpe(config, environments)
    if isinstance(config, DrawdownPenalisedReward):
        return DrawdownPenalised(config, environments)
    return Custom(config, trusted)


class _Memory:
    """Arrays by name, one number for each environment, that begin anew with each episode."""

    def __init__(self, environments: int, **first: float) -> None:
        self._first = first
        self.values = {name: np.full(environments, value) for name, value in first.items()}

    def clear(self, which: Array) -> None:
        for name, value in self._first.items():
            self.values[name] = np.where(which, value, self.values[name])

    def state_dict(self) -> dict[str, Any]:
        return {name: values.copy() for name, values in self.values.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.values = {name: np.array(state[name], dtype=np.float64) for name in self._first}


class LogReturn(_Memory):
    """The log return of the equity; a loss of everything counts as that of all but 1e-8 of it."""

    def __init__(self, scale: float) -> None:
        """Take the scale."""
        super().__init__(0)
        self._scale = scale

    def of(self, outcome: Outcome) -> Array:
        """The log returns."""
        return _log_returns(outcome) * self._scale


class DifferentialSharpe(_Memory):
    """Moody and Saffell (2001), Learning to Trade via Direct Reinforcement, equation 14."""

    def __init__(self, config: DifferentialSharpeReward, environments: int) -> None:
        """Begin with a mean of 0 and the usual volatility."""
        first = config.volatility**2
        super().__init__(environments, mean=0.0, square=first)
        self._rate, self._scale = config.rate, config.scale
        self._least = first * LEAST_VARIANCE

    def of(self, outcome: Outcome) -> Array:
        """What the bar adds to the Sharpe ratio, for each unit of the rate."""
        mean, square, found = self.values["mean"], self.values["square"], outcome.returns
        to_mean, to_square = found - mean, found * found - square
        variance = np.maximum(square - mean * mean, self._least)
        gained = (square * to_mean - 0.5 * mean * to_square) / (variance * np.sqrt(variance))
        self.values["mean"] = mean + self._rate * to_mean
        self.values["square"] = square + self._rate * to_square
        scaled: Array = gained * self._scale
        return scaled


class DrawdownPenalised(_Memory):
    """Log return less a penalty on what deepened the episode's maximum drawdown."""

    def __init__(self, config: DrawdownPenalisedReward, environments: int) -> None:
        """Begin without a drawdown."""
        super().__init__(environments, deepest=0.0)
        self._penalty, self._scale = config.penalty, config.scale

    def of(self, outcome: Outcome) -> Array:
        """The log returns, penalised."""
        before = self.values["deepest"]
        deepest = self.values["deepest"] = np.maximum(before, outcome.drawdown)
        gained: Array = _log_returns(outcome) - self._penalty * (deepest - before)
        return gained * self._scale


class Custom(_Memory):
    """A function of the user's own."""

    def __init__(self, config: CustomReward, trusted: Collection[str] | None) -> None:
        """Import it."""
        super().__init__(0)
        self._name = config.type
        self._function: Callable[[Outcome], Any] = partial(
            import_function(config.type, trusted), **config.settings()
        )

    def of(self, outcome: Outcome) -> Array:
        """What the function gives.

        Raises:
            TrainingError: it raised, or gave something else than one finite number a row.
        """
        try:
            found = np.asarray(self._function(outcome), dtype=np.float64)
        except Exception as error:
            raise TrainingError(f"reward {self._name!r} raised {error!r}") from error
        if found.shape != outcome.equity.shape or not np.isfinite(found).all():
            raise TrainingError(
                f"reward {self._name!r} gave {found!r}; expected a finite number for each "
                f"environment, shape {outcome.equity.shape}"
            )
        return found


def _log_returns(outcome: Outcome) -> Array:
    return np.log(np.maximum(outcome.equity / outcome.before, LEAST_RATIO))
