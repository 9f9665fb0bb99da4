"""What an agent stands beside: strategies that know nothing, on the same bars at the same costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.config.actions import PositionActions
from training.config.evaluation import MovingAverageBaseline, RandomBaseline
from training.config.rewards import LogReturnReward
from training.config.trading import LimitsConfig, WholeWindow
from training.market.baselines import moving_average_cross
from training.market.environment.vector import TradingVectorEnv

if TYPE_CHECKING:
    from training.config.trading import TradingConfig
    from training.market.backtest import Backtest
    from training.market.environment.market import Market
    from training.types import Array

CROSS, RANDOM = MovingAverageBaseline(), RandomBaseline()
_SIMPLE = {"reward": LogReturnReward(), "episodes": WholeWindow()}
_PLAIN = {
    "actions": PositionActions(short=False),
    "limits": LimitsConfig(),
    "stop_loss": None,
    "take_profit": None,
}
_KNOWING_NOTHING = ("buy_and_hold", "flat", "moving_average")


def beside(
    market: Market, config: TradingConfig, actions: Array, *, earlier: Array | None, seed: int
) -> dict[str, list[Backtest]]:
    """What others would have done on the whole market, by name; `random` as often as is drawn.

    `buy_and_hold`, `flat` and `moving_average` are long or in cash. `random` is the agent itself,
    stops and limits among it, with its own choices in their order, but begun at some other of them
    and gone on with from the first after the last: as much is traded, at moments of chance.

    Args:
        market: what is traded.
        config: the agent's; the costs count for all.
        actions: what the agent chose at each bar, shape (bars, …).
        earlier: closes before the market's first, which long means begin with, shape (bars,
            symbols); None: there are none.
        seed: of what is drawn.
    """
    first = config.observation.window - 1
    steps = market.rows - 1 - first
    plain = _held(market, earlier)[:, first : first + steps]
    choices = plain[..., 0] if market.symbols == 1 else plain
    found = _traded(market, config.model_copy(update=_SIMPLE | _PLAIN), choices)
    bars = np.random.default_rng(seed).integers(0, len(actions), (RANDOM.draws, 1))
    moved = actions[(bars + np.arange(steps)) % len(actions)]
    drawn = _traded(market, config.model_copy(update=_SIMPLE), moved)
    return {name: [one] for name, one in zip(_KNOWING_NOTHING, found, strict=True)} | {
        "random": drawn
    }


def _held(market: Market, earlier: Array | None) -> Array:
    """1 long and 0 in cash, of each that knows nothing; shape (strategies, bars, symbols)."""
    before = market.close[:0] if earlier is None else earlier
    closes = np.concatenate([before, market.close])
    crosses = [moving_average_cross(close, CROSS.fast, CROSS.slow) for close in closes.T]
    cross = np.array(crosses).T[len(before) :]
    return np.stack([np.ones_like(cross), np.zeros_like(cross), cross]).astype(np.int64)


def _traded(market: Market, config: TradingConfig, choices: Array) -> list[Backtest]:
    """The accounts of some sequences of choices, side by side; shape (sequences, bars, …)."""
    worlds = TradingVectorEnv(market, config, len(choices), record=True)
    worlds.reset()
    ended: dict[int, Backtest] = {}
    for bar in range(choices.shape[1]):
        worlds.step(choices[:, bar])
        for ledger in worlds.ledgers():  # a ruined account begins again, which does not count
            ended.setdefault(ledger.environment, ledger.backtest())
    return [ended[number] for number in range(len(choices))]
