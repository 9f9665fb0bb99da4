"""Optimizers on one flat buffer of parameters, updated in place; semantics of torch.optim.

A step is a few NumPy calls over all parameters at once. Coefficients that change from step to step
are written into arrays without dimensions, which NumPy takes faster than Python numbers.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from training.config.training import AdamConfig, SgdConfig
from training.errors import ConfigError

if TYPE_CHECKING:
    from training.config.training import Optimizer
    from training.types import Array


class Rule(Protocol):
    """How parameters follow their gradient.

    Attributes:
        steps: number of steps taken.
    """

    steps: int

    def step(self, learning_rate: float) -> None:
        """Take one step along the gradient, which may be overwritten."""
        ...

    @property
    def memory(self) -> dict[str, Array]:
        """What is remembered besides `steps`, by name: the arrays themselves, not copies."""
        ...


def make_optimizer(config: Optimizer, parameters: Array, gradient: Array) -> Rule:
    """The optimizer that a configuration names, for these two buffers of equal shape.

    Raises:
        ConfigError: it is one of PyTorch's.
    """
    match config:
        case SgdConfig():
            return Sgd(config, parameters, gradient)
        case AdamConfig():
            return Adam(config, parameters, gradient)
    raise ConfigError(
        f"training.optimizer.type = {config.type!r} is for models in PyTorch; use sgd or adam, or "
        "model.type: torch"
    )


def clip_to_norm(gradient: Array, max_norm: float) -> None:
    """Scale a gradient down, in place, when its L2 norm is above `max_norm`.

    As torch.nn.utils.clip_grad_norm_ does: the factor is max_norm / (norm + 1e-6), at most 1; a
    norm that is NaN makes all of it NaN.
    """
    norm = sqrt(gradient.dot(gradient))
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1:
        np.multiply(gradient, factor, gradient)


class Sgd:
    """Gradient descent with momentum and L2 weight decay, after torch.optim.SGD.

    With g the gradient plus `weight_decay` * p: m = `momentum` * m + g; p = p - rate * m.
    """

    def __init__(self, config: SgdConfig, parameters: Array, gradient: Array) -> None:
        """Start with no velocity, which makes the first one the gradient, as in torch."""
        self.steps = 0
        self._parameters, self._gradient = parameters, gradient
        self._work = np.empty_like(parameters)
        self._velocity = np.zeros_like(parameters) if config.momentum else None
        self._momentum = _number(config.momentum, parameters.dtype)
        self._weight_decay = config.weight_decay
        self._rate = _number(0, parameters.dtype)

    def step(self, learning_rate: float) -> None:
        """Take one step."""
        self.steps += 1
        parameters, work, direction = self._parameters, self._work, self._gradient
        if self._weight_decay:
            np.multiply(parameters, self._weight_decay, work)
            np.add(direction, work, direction)
        if self._velocity is not None:
            np.multiply(self._velocity, self._momentum, self._velocity)
            np.add(self._velocity, direction, self._velocity)
            direction = self._velocity
        self._rate[()] = learning_rate
        np.multiply(direction, self._rate, work)
        np.subtract(parameters, work, parameters)

    @property
    def memory(self) -> dict[str, Array]:
        """The velocity, where there is momentum."""
        return {} if self._velocity is None else {"velocity": self._velocity}


class Adam:
    """Adam (Kingma and Ba 2014) after torch.optim.Adam; decoupled: torch.optim.AdamW.

    The moments are kept as discounted sums, M = beta1 * M + g and V = beta2 * V + g * g, which
    saves two passes over the parameters a step. They are torch's `exp_avg` / (1 - beta1) and
    `exp_avg_sq` / (1 - beta2), and the step is torch's with these factors moved out of the arrays:
    p = p - rate * (1 - beta1) / ((1 - beta1**t) * s) * M / (sqrt(V) + epsilon / s)
    with s = sqrt((1 - beta2) / (1 - beta2**t)) and t the number of this step, from 1.
    """

    def __init__(self, config: AdamConfig, parameters: Array, gradient: Array) -> None:
        """Start with moments of 0."""
        self.steps = 0
        self._beta1, self._beta2, self._small = config.beta1, config.beta2, config.epsilon
        self._weight_decay, self._decoupled = config.weight_decay, config.decoupled
        self._parameters, self._gradient = parameters, gradient
        self._first, self._second = np.zeros_like(parameters), np.zeros_like(parameters)
        self._work = np.empty_like(parameters)
        dtype = parameters.dtype
        self._first_decay = _number(config.beta1, dtype)
        self._second_decay = _number(config.beta2, dtype)
        self._rate, self._epsilon = _number(0, dtype), _number(0, dtype)

    def step(self, learning_rate: float) -> None:
        """Take one step."""
        self.steps += 1
        parameters, gradient, work = self._parameters, self._gradient, self._work
        if self._weight_decay:
            self._decay_weights(learning_rate)
        np.multiply(self._first, self._first_decay, self._first)
        np.add(self._first, gradient, self._first)
        np.square(gradient, work)
        np.multiply(self._second, self._second_decay, self._second)
        np.add(self._second, work, self._second)
        self._correct_bias(learning_rate)
        np.sqrt(self._second, work)
        np.add(work, self._epsilon, work)
        np.divide(self._first, work, work)
        np.multiply(work, self._rate, work)
        np.subtract(parameters, work, parameters)

    def _decay_weights(self, learning_rate: float) -> None:
        if self._decoupled:
            factor = 1 - learning_rate * self._weight_decay
            np.multiply(self._parameters, factor, self._parameters)
        else:
            np.multiply(self._parameters, self._weight_decay, self._work)
            np.add(self._gradient, self._work, self._gradient)

    def _correct_bias(self, learning_rate: float) -> None:
        beta1, beta2, step = self._beta1, self._beta2, self.steps
        spread = sqrt((1 - beta2) / (1 - beta2**step))
        self._rate[()] = learning_rate * (1 - beta1) / ((1 - beta1**step) * spread)
        self._epsilon[()] = self._small / spread

    @property
    def memory(self) -> dict[str, Array]:
        """The two moments, as discounted sums."""
        return {"first_moment": self._first, "second_moment": self._second}


def _number(value: float, dtype: np.dtype[Any]) -> Array:
    return np.array(value, dtype)
