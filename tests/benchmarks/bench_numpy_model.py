"""What a step of the NumPy models costs above NumPy written by hand.

Run it with `python tests/benchmarks/bench_numpy_model.py`. Perceptron 32-64-1, batch 32, Adam,
float32. Two loops of the same mathematics stand beside the model: `bare` is written for this one
network, into memory allocated before, with nothing checked and only the loss measured; `plain` is
what one writes first, allocating as it goes. The three take turns, a hundred steps each, so that
noise of the machine meets all; the figures are medians over the turns, with their quartiles.
"""

from __future__ import annotations

import statistics
from math import sqrt
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from training.config import AdamConfig, MlpConfig, TrainingConfig
from training.models import ModelFactory
from training.types import Batch, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array

    Step = Callable[[Array, Array], float]

INPUTS, HIDDEN, ROWS, TURNS, STEPS = 32, 64, 32, 400, 100
RATE, BETA1, BETA2, EPSILON = 0.001, 0.9, 0.999, 1e-8
SPEC = ModelSpec(inputs=INPUTS, seed=1)
TRAINING = TrainingConfig(optimizer=AdamConfig(learning_rate=RATE))


def _model() -> Any:  # noqa: ANN401 - the weights are copied out of it
    return ModelFactory().get_model(MlpConfig(hidden=(HIDDEN,)), SPEC, TRAINING)


def _model_step() -> Step:
    model = _model()

    def step(x: Array, y: Array) -> float:
        loss: float = model.train_on_batch(Batch(x, y))["loss"]
        return loss

    return step


def _bare_step() -> Step:
    weights = _model().state_dict()["weights"]
    flat = np.concatenate([array.ravel() for array in weights.values()])
    gradient, first, second, work = (np.zeros_like(flat) for _ in range(4))
    cut1, cut2, cut3 = np.cumsum([INPUTS * HIDDEN, HIDDEN, HIDDEN])
    w1, dw1 = (a[:cut1].reshape(INPUTS, HIDDEN) for a in (flat, gradient))
    b1, db1 = (a[cut1:cut2] for a in (flat, gradient))
    w2, dw2 = (a[cut2:cut3].reshape(HIDDEN, 1) for a in (flat, gradient))
    b2, db2 = (a[cut3:] for a in (flat, gradient))
    w2t = w2.T
    h, mask, dh = (np.empty((ROWS, HIDDEN), np.float32) for _ in range(3))
    ht = h.T
    z, delta = np.empty((ROWS, 1), np.float32), np.empty((ROWS, 1), np.float32)
    z1, delta1, difference = z.ravel(), delta.ravel(), np.empty(ROWS, np.float32)
    ones = np.ones(ROWS, np.float32)
    zero, scale, beta1, beta2, rate, epsilon = (
        np.array(value, np.float32) for value in (0, 2 / ROWS, BETA1, BETA2, 0, 0)
    )
    count = 0

    def step(x: Array, y: Array) -> float:
        nonlocal count
        count += 1
        x.dot(w1, h)
        np.add(h, b1, h)
        np.greater(h, zero, mask)
        np.multiply(h, mask, h)
        h.dot(w2, z)
        np.add(z, b2, z)
        np.subtract(z1, y, difference)
        np.multiply(difference, scale, delta1)
        loss = float(delta1.dot(difference)) / 2
        ht.dot(delta, dw2)
        ones.dot(delta, db2)
        delta.dot(w2t, dh)
        np.multiply(dh, mask, dh)
        x.T.dot(dh, dw1)
        ones.dot(dh, db1)
        np.multiply(first, beta1, first)
        np.add(first, gradient, first)
        np.square(gradient, work)
        np.multiply(second, beta2, second)
        np.add(second, work, second)
        spread = sqrt((1 - BETA2) / (1 - BETA2**count))
        rate[()] = RATE * (1 - BETA1) / ((1 - BETA1**count) * spread)
        epsilon[()] = EPSILON / spread
        np.sqrt(second, work)
        np.add(work, epsilon, work)
        np.divide(first, work, work)
        np.multiply(work, rate, work)
        np.subtract(flat, work, flat)
        return loss

    return step


def _plain_step() -> Step:
    parameters = [array.copy() for array in _model().state_dict()["weights"].values()]
    first, second = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    count = 0

    def step(x: Array, y: Array) -> float:
        nonlocal count
        count += 1
        w1, b1, w2, b2 = parameters
        h = np.maximum(x @ w1 + b1, 0)
        difference = h @ w2 + b2 - y[:, None]
        delta = difference * (2 / len(x))
        dh = delta @ w2.T * (h > 0)
        gradients = (x.T @ dh, dh.sum(0), h.T @ delta, delta.sum(0))
        for i, g in enumerate(gradients):
            first[i] = BETA1 * first[i] + (1 - BETA1) * g
            second[i] = BETA2 * second[i] + (1 - BETA2) * g * g
            spread = np.sqrt(second[i] / (1 - BETA2**count)) + EPSILON
            parameters[i] -= RATE / (1 - BETA1**count) * first[i] / spread
        return float((difference * difference).mean())

    return step


def _microseconds(step: Step, x: Array, y: Array) -> float:
    started = perf_counter()
    for _ in range(STEPS):
        step(x, y)
    return 1e6 * (perf_counter() - started) / STEPS


def _spread(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:7.2f}  ({low:.2f} to {high:.2f})"


def main() -> None:
    """Print the table."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, INPUTS)).astype(np.float32)
    y = random.normal(size=ROWS).astype(np.float32)
    steps = {"bare": _bare_step(), "model": _model_step(), "plain": _plain_step()}
    first = [[step(x, y) for _ in range(100)] for step in steps.values()]
    assert np.allclose(first, first[0], rtol=1e-3, atol=1e-6), "not the same mathematics"
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(TURNS):
        for name, step in steps.items():
            times[name].append(_microseconds(step, x, y))
    print(f"perceptron {INPUTS}-{HIDDEN}-1, batch {ROWS}, Adam, float32")
    print(f"{'loop':<8}{'µs a step (quartiles)':<30}times bare (quartiles)")
    for name, values in times.items():
        ratios = [value / bare for value, bare in zip(values, times["bare"], strict=True)]
        print(f"{name:<8}{_spread(values):<30}{_spread(ratios)}")


if __name__ == "__main__":
    main()
