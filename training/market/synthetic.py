"""Markets that are made up: a walk that nothing predicts, and one with a pattern to be found.

Both give the columns of a table, each of shape (bars,): `time` (weekdays), `open`, `high`, `low`,
`close`, and `signal`, which is 1 or -1 and known at the close of its bar. A bar opens where the one
before closed. Equal arguments give equal bars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.types import Array

MOVES = 16
FIRST_PRICE = 100.0


def random_walk(
    bars: int, *, seed: int = 0, drift: float = 0.0, volatility: float = 0.01, stays: float = 0.8
) -> dict[str, Array]:
    """A geometric random walk; its signal says nothing about it.

    Args:
        bars: how many.
        seed: everything that is drawn follows from it.
        drift: mean of a bar's log return.
        volatility: standard deviation of a bar's log return.
        stays: how probable it is that a bar's signal is that of the bar before.
    """
    random = np.random.default_rng(seed)
    signal = _signal(random, bars, stays)
    return _table(drift / MOVES + _paths(random, bars, volatility), signal)


def planted_pattern(
    bars: int,
    *,
    seed: int = 0,
    probability: float = 0.6,
    volatility: float = 0.01,
    stays: float = 0.8,
) -> dict[str, Array]:
    """A walk in which each bar's signal tells the sign of the next bar's return, now and then.

    Who is long after 1 and short after -1 gains `2·probability - 1` times the mean absolute return
    (0.8 times `volatility`) a bar, before costs. Signals apart, it is a geometric random walk.

    Args:
        bars: how many.
        seed: everything that is drawn follows from it.
        probability: of the next return's sign being the signal.
        volatility: standard deviation of a bar's log return.
        stays: how probable it is that a bar's signal is that of the bar before; the lower, the
            more has to be traded.
    """
    random = np.random.default_rng(seed)
    signal = _signal(random, bars, stays)
    paths = _paths(random, bars, volatility)
    right = np.where(random.random(bars - 1) < probability, 1.0, -1.0)
    wanted = signal[:-1] * right
    paths[1:] *= (wanted * np.sign(paths[1:].sum(axis=1)))[:, np.newaxis]
    return _table(paths, signal)


def _signal(random: np.random.Generator, bars: int, stays: float) -> Array:
    turns = np.where(random.random(bars) < stays, 1.0, -1.0)
    return np.cumprod(turns)


def _paths(random: np.random.Generator, bars: int, volatility: float) -> Array:
    """The moves inside each bar, in logs, shape (bars, moves)."""
    return random.normal(0.0, volatility / np.sqrt(MOVES), (bars, MOVES))


def _table(paths: Array, signal: Array) -> dict[str, Array]:
    logs = np.cumsum(paths.ravel()).reshape(paths.shape)
    close = FIRST_PRICE * np.exp(logs[:, -1])
    start = np.concatenate([[FIRST_PRICE], close[:-1]])
    inside = FIRST_PRICE * np.exp(logs)
    days = np.busday_offset(np.datetime64("2000-01-03"), np.arange(len(close)))
    return {
        "time": days.astype("datetime64[ns]"),
        "open": start,
        "high": np.maximum(start, inside.max(axis=1)),
        "low": np.minimum(start, inside.min(axis=1)),
        "close": close,
        "signal": signal,
    }
