"""The model's strategy on a part, and those that it stands beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.evaluation import (
    BuyAndHoldBaseline,
    FlatBaseline,
    MovingAverageBaseline,
)
from training.market import Backtest, backtest, moving_average_cross, portfolio, rearranged

if TYPE_CHECKING:
    from training.config.evaluation import BacktestConfig, Baseline
    from training.data import Part
    from training.types import Array, TaskKind


def positions_of(predictions: Array, task: TaskKind, rule: BacktestConfig) -> Array:
    """The rule from a prediction to a position: long, else in cash (or short, if it says so).

    Args:
        predictions: of the target, shape (rows,).
        task: `binary` is compared with the rule's threshold, `regression` with 0.
        rule: the section `evaluation.backtest`.
    """
    threshold = rule.threshold if task == "binary" else 0.0
    return np.where(predictions > threshold, 1.0, -1.0 if rule.short else 0.0)


def traded(part: Part, positions: Array, cost_bps: float) -> Backtest:
    """What positions would have earned, held from each bar to the next, after costs.

    Args:
        part: with returns; of several symbols it is a portfolio of equal parts.
        positions: one for each row of the part, shape (rows,).
        cost_bps: as `backtest` takes it.
    """
    returns, own = part.forward_returns, _by_symbol(part)
    assert returns is not None  # noqa: S101 - the target is a price
    accounts = [backtest(positions[rows], returns[rows], cost_bps=cost_bps) for rows, _ in own]
    if len(accounts) == 1:
        return accounts[0]
    times: Any = part.times  # several symbols have times
    moments, bar = np.unique(times, return_inverse=True)
    return portfolio(accounts, [bar[rows] for rows, _ in own], len(moments))


def baseline_positions(
    baseline: Baseline, part: Part, own: Array, rule: BacktestConfig, random: np.random.Generator
) -> list[Array]:
    """Positions of a baseline, one for each row of the part; of several draws, if it draws.

    Args:
        baseline: which.
        part: with prices.
        own: the positions of the model's strategy.
        rule: the section `evaluation.backtest`.
        random: what is drawn from.
    """
    if isinstance(baseline, BuyAndHoldBaseline):
        return [np.ones(len(own))]
    if isinstance(baseline, FlatBaseline):
        return [np.zeros(len(own))]
    if isinstance(baseline, MovingAverageBaseline):
        return [_moving_average(baseline, part, short=rule.short)]
    return [_rearranged(part, own, random) for _ in range(baseline.draws)]


def _moving_average(baseline: MovingAverageBaseline, part: Part, *, short: bool) -> Array:
    """From the closes of the part, and as many before it as the long mean needs."""
    at, prices = _numbers(part), part.prices
    assert prices is not None  # noqa: S101 - the target is a price
    positions = np.zeros(len(at))
    for rows, symbol in _by_symbol(part):
        first = max(int(at[rows][0]) - baseline.slow + 1, symbol.start)
        close = np.asarray(prices.close[first : int(at[rows][-1]) + 1], dtype="float64")
        decided = moving_average_cross(close, baseline.fast, baseline.slow, short=short)
        positions[rows] = decided[at[rows] - first]
    return positions


def _rearranged(part: Part, own: Array, random: np.random.Generator) -> Array:
    positions = np.empty(len(own))
    for rows, _ in _by_symbol(part):
        positions[rows] = rearranged(own[rows], random)
    return positions


def _by_symbol(part: Part) -> list[tuple[slice | Array, slice]]:
    """The rows of a part that each symbol has, in order of time, and its rows of the table."""
    prices = part.prices
    if prices is None or len(prices.symbols) == 1:
        whole = slice(0, len(part.x))
        return [(whole, prices.symbols[0] if prices else whole)]
    at = _numbers(part)
    found = [
        (np.flatnonzero((at >= symbol.start) & (at < symbol.stop)), symbol)
        for symbol in prices.symbols
    ]
    return [(rows, symbol) for rows, symbol in found if len(rows)]


def _numbers(part: Part) -> Array:
    """Of the part's rows in the table."""
    assert part.prices is not None  # noqa: S101 - asked of a part with prices
    at = part.prices.at
    return np.arange(at.start, at.stop) if isinstance(at, slice) else at
