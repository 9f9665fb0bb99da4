"""Steps per second of the trading environment.

Run it with `python tests/benchmarks/bench_environment.py`. One symbol, ten features in a window of
ten rows, random starts, episodes of 252 bars, random choices among short, flat and long, the
default costs. Beside the environments stand:

- `bare loop`: NumPy written by hand over the same arrays, with the same windows, a constant weight
  and one cost rate; no units, no borrowing, no checks, no state that could be saved;
- `gym-anytrading`: its own environment, where it is installed (`pip install gym-anytrading`), over
  the same closes and as long a window; it has one environment, and so as many steps per second
  whatever the number.

All take turns in one process, so that noise of the machine meets all; the figures are medians over
the turns, with their quartiles. `of the bare loop` is the median of the ratios within a turn. One
thread, and its own seconds: what else the machine does in the meantime is not counted.
"""

from __future__ import annotations

import statistics
from importlib.util import find_spec
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.trading import TradingConfig
from training.market.environment import Market, TradingEnv, TradingVectorEnv
from training.market.synthetic import random_walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.types import Array

    Go = Callable[[], int]

ROWS, INPUTS, WINDOW, LENGTH, TURNS = 5000, 10, 10, 252, 31
AIM, AIM_ENVIRONMENTS = 1_000_000, 256
COST = 3e-4
STEPS = {1: 500, 16: 400, 256: 300, 1024: 150}
EPISODES = {"episodes": {"type": "random", "length": LENGTH}}
EXITS = {"stop_loss": 0.03, "take_profit": 0.05}


def _market() -> Market:
    table = random_walk(ROWS, seed=1)
    prices = {name: table[name][:, np.newaxis] for name in ("open", "high", "low", "close")}
    features = np.random.default_rng(2).normal(size=(ROWS, INPUTS)).astype(np.float32)
    return Market(features=features, times=table["time"], bars_per_year=252, **prices)


def _actions(count: int) -> Array:
    return np.random.default_rng(3).integers(0, 3, (STEPS[count], count))


def _ours(market: Market, count: int, **keys: Any) -> Go:  # noqa: ANN401 - sections of a configuration
    environment = TradingVectorEnv(market, TradingConfig.model_validate(EPISODES | keys), count)
    environment.reset()
    actions = _actions(count)

    def go() -> int:
        for action in actions:
            environment.step(action)
        return actions.size

    return go


def _single(market: Market) -> Go:
    environment = TradingEnv(market, TradingConfig.model_validate(EPISODES))
    environment.reset()
    actions = _actions(1)[:, 0]

    def go() -> int:
        for action in actions:
            _, _, terminated, truncated, _ = environment.step(action)
            if terminated or truncated:
                environment.reset()
        return actions.size

    return go


def _bare(market: Market, count: int) -> Go:
    opened, close = market.open[:, 0], market.close[:, 0]
    padded = np.concatenate([np.zeros(2, np.float32), market.features.ravel()])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 + WINDOW * INPUTS)[::INPUTS]
    random, actions = np.random.default_rng(0), _actions(count)
    bar = random.integers(WINDOW - 1, ROWS - LENGTH, count)
    end, equity, held = bar + LENGTH, np.ones(count), np.zeros(count)

    def step(action: Array) -> tuple[Array, Array, Array]:
        nonlocal bar, end, equity, held
        wanted = action - 1.0
        before, bar = equity, bar + 1
        start = opened[bar]
        equity = equity * (1 + held * (start / close[bar - 1] - 1))
        equity = equity * (1 - COST * np.abs(wanted - held))
        equity = equity * (1 + wanted * (close[bar] / start - 1))
        held, rewards, over = wanted, np.log(equity / before), bar >= end
        if over.any():
            bar = np.where(over, random.integers(WINDOW - 1, ROWS - LENGTH, count), bar)
            end = np.where(over, bar + LENGTH, end)
            equity, held = np.where(over, 1.0, equity), np.where(over, 0.0, held)
        seen = windows[bar - WINDOW + 1]
        seen[:, 0], seen[:, 1] = held, 1 - held
        return seen, rewards, over

    def go() -> int:
        for action in actions:
            step(action)
        return actions.size

    return go


def _anytrading(market: Market) -> Go:
    import pandas as pd
    from gym_anytrading.envs import StocksEnv  # type: ignore[import-not-found, unused-ignore] # installed by who wants it

    frame = pd.DataFrame({"Close": market.close[:, 0]})
    environment = StocksEnv(df=frame, window_size=WINDOW, frame_bound=(WINDOW, ROWS))
    environment.reset(seed=0)
    actions = np.minimum(_actions(1)[:, 0], 1)

    def go() -> int:
        for action in actions:
            if environment.step(action)[3]:
                environment.reset()
        return actions.size

    return go


def _contenders(market: Market) -> dict[tuple[str, int], Go]:
    found: dict[tuple[str, int], Go] = {}
    for count in STEPS:
        found["bare loop", count] = _bare(market, count)
        found["TradingVectorEnv", count] = _ours(market, count)
        found["with stop and target", count] = _ours(market, count, **EXITS)
    found["TradingEnv", 1] = _single(market)
    if find_spec("gym_anytrading") is not None:
        found["gym-anytrading", 1] = _anytrading(market)
    return found


def _rate(go: Go) -> float:
    start = process_time()
    steps = go()
    return steps / (process_time() - start)


def main() -> None:
    """Print the table."""
    contenders = _contenders(_market())
    for go in contenders.values():
        go()
    turns = [{key: _rate(go) for key, go in contenders.items()} for _ in range(TURNS)]
    print(
        f"{'steps per CPU second':<22}{'environments':>13}{'median':>13}{'quartiles':>26}"
        f"{'of the bare loop':>18}"
    )
    for name, count in sorted(contenders, key=lambda key: (key[1], key[0] != "bare loop")):
        rates = [turn[name, count] for turn in turns]
        low, middle, high = statistics.quantiles(rates, n=4)
        ratio = statistics.median(turn[name, count] / turn["bare loop", count] for turn in turns)
        print(
            f"{name:<22}{count:>13}{middle:>13,.0f}{f'{low:,.0f} to {high:,.0f}':>26}{ratio:>18.2f}"
        )
    found = statistics.median(turn["TradingVectorEnv", AIM_ENVIRONMENTS] for turn in turns)
    print(
        f"aim: {AIM:,} with {AIM_ENVIRONMENTS} environments: {'met' if found >= AIM else 'MISSED'}"
    )
    if find_spec("gym_anytrading") is None:
        print("gym-anytrading is not installed, and so not in the table")


if __name__ == "__main__":
    main()
