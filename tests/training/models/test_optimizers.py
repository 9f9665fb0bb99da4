"""Optimizers, with values computed by hand or by the formulas of their papers."""

from __future__ import annotations

import numpy as np
import pytest

from training.config import AdamConfig, SgdConfig
from training.models.optimizers import Adam, Sgd, clip_to_norm, make_optimizer

START = [1.0, -2.0, 0.5]
GRADIENTS = [[0.5, -1.0, 2.0], [0.1, 0.0, -3.0], [-4.0, 0.2, 1.0]]
RATES = [0.1, 0.05, 0.2]


def run(config: SgdConfig | AdamConfig, dtype: str = "float64") -> list[float]:
    parameters, gradient = np.array(START, dtype), np.zeros(3, dtype)
    optimizer = make_optimizer(config, parameters, gradient)
    for values, rate in zip(GRADIENTS, RATES, strict=True):
        gradient[:] = values
        optimizer.step(rate)
    assert optimizer.steps == 3
    return list(map(float, parameters))


def test_plain_descent_by_hand() -> None:
    assert run(SgdConfig()) == pytest.approx(
        [1 - 0.05 - 0.005 + 0.8, -2 + 0.1 - 0.04, 0.5 - 0.2 + 0.15 - 0.2]
    )


def test_momentum_by_hand() -> None:
    """The first velocity is the gradient: 0.5; then 0.9 * 0.5 + 0.1 = 0.55; then -3.505."""
    assert run(SgdConfig(momentum=0.9))[0] == pytest.approx(
        1 - 0.1 * 0.5 - 0.05 * 0.55 + 0.2 * 3.505
    )


def test_weight_decay_is_added_to_the_gradient() -> None:
    first = 1 - 0.1 * (0.5 + 0.5 * 1)
    second = first - 0.05 * (0.1 + 0.5 * first)
    third = second - 0.2 * (-4 + 0.5 * second)
    assert run(SgdConfig(weight_decay=0.5))[0] == pytest.approx(third)


def adam_by_the_paper(config: AdamConfig) -> list[float]:
    """Algorithm 1 of Kingma and Ba; with `decoupled`, algorithm 2 of Loshchilov and Hutter 2017."""
    p, m, v = np.array(START), np.zeros(3), np.zeros(3)
    for t, (values, rate) in enumerate(zip(GRADIENTS, RATES, strict=True), start=1):
        g = np.array(values)
        if config.decoupled:
            p = p - rate * config.weight_decay * p
        else:
            g = g + config.weight_decay * p
        m = config.beta1 * m + (1 - config.beta1) * g
        v = config.beta2 * v + (1 - config.beta2) * g * g
        mean, square = m / (1 - config.beta1**t), v / (1 - config.beta2**t)
        p = p - rate * mean / (np.sqrt(square) + config.epsilon)
    return list(map(float, p))


@pytest.mark.parametrize(
    "config",
    [
        AdamConfig(),
        AdamConfig(beta1=0.5, beta2=0.9, epsilon=0.1),
        AdamConfig(beta1=0.0, beta2=0.0, epsilon=1.0),
        AdamConfig(weight_decay=0.3),
        AdamConfig(weight_decay=0.3, decoupled=True),
    ],
    ids=["default", "epsilon", "no memory", "L2", "decoupled"],
)
def test_adam_is_that_of_the_paper(config: AdamConfig) -> None:
    assert run(config) == pytest.approx(adam_by_the_paper(config), rel=1e-13)
    assert run(config, "float32") == pytest.approx(adam_by_the_paper(config), rel=1e-6)


def test_the_first_step_of_adam_is_the_rate_whatever_the_gradient() -> None:
    parameters, gradient = np.zeros(3), np.array([1e-3, -5.0, 1e6])
    Adam(AdamConfig(epsilon=1e-30), parameters, gradient).step(0.1)
    assert parameters == pytest.approx(np.array([-0.1, 0.1, -0.1]), rel=1e-12)


def test_memory_is_what_the_docstring_says() -> None:
    """Discounted sums: torch's moments divided by 1 - beta."""
    parameters, gradient = np.array(START), np.array(GRADIENTS[0])
    adam = Adam(AdamConfig(), parameters, gradient)
    adam.step(0.1)
    adam.step(0.1)
    g = np.array(GRADIENTS[0])
    assert np.allclose(adam.memory["first_moment"], 1.9 * g)
    assert np.allclose(adam.memory["second_moment"], 1.999 * g * g)
    assert Sgd(SgdConfig(), parameters, gradient).memory == {}
    assert list(Sgd(SgdConfig(momentum=0.5), parameters, gradient).memory) == ["velocity"]


@pytest.mark.parametrize("config", [SgdConfig(momentum=0.9, weight_decay=0.1), AdamConfig()])
def test_no_step_leaves_float32(config: SgdConfig | AdamConfig) -> None:
    parameters = np.array(START, np.float32)
    optimizer = make_optimizer(config, parameters, np.ones(3, np.float32))
    optimizer.step(0.1)
    assert parameters.dtype == np.float32
    assert all(array.dtype == np.float32 for array in optimizer.memory.values())


def test_clipping_scales_to_the_norm() -> None:
    gradient = np.array([3.0, 4.0])
    clip_to_norm(gradient, 1.0)
    assert gradient == pytest.approx(np.array([3.0, 4.0]) / (5 + 1e-6), rel=1e-15)


def test_clipping_leaves_small_gradients_bit_for_bit() -> None:
    gradient = np.array([0.3, 0.4])
    clip_to_norm(gradient, 0.6)
    assert gradient.tolist() == [0.3, 0.4]


@pytest.mark.parametrize(("bad", "others"), [(np.nan, np.nan), (np.inf, 0.0)])
def test_clipping_does_not_hide_what_is_not_finite(bad: float, others: float) -> None:
    """The numbers that torch gives."""
    gradient = np.array([bad, 1.0])
    with np.errstate(invalid="ignore"):
        clip_to_norm(gradient, 1.0)
    assert np.array_equal(gradient, [np.nan, others], equal_nan=True)
