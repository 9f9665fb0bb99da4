"""One pass over a whole market, measured as a backtest is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from training.config.actions import PositionActions
from training.config.rewards import LogReturnReward
from training.config.trading import LimitsConfig, WholeWindow
from training.market.environment.single import TradingEnv

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.config.trading import TradingConfig
    from training.market.environment.market import Market
    from training.types import Array


class MeasuredEnv(TradingEnv):
    """An environment whose only episode is the whole market.

    With the last step, `info["measures"]` says what was earned. A reset begins it again.
    """

    def __init__(
        self, market: Market, config: TradingConfig, *, trusted: Collection[str] | None = None
    ) -> None:
        """Build it; as `TradingEnv`."""
        whole = config.model_copy(update={"episodes": WholeWindow()})
        super().__init__(market, whole, record=True, trusted=trusted)
        self._config = whole

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:  # noqa: ANN401 - as gymnasium has it
        """As `TradingEnv.step`."""
        seen, reward, terminated, truncated, info = super().step(action)
        if terminated or truncated:
            info["measures"] = self.measures()
        return seen, reward, terminated, truncated, info

    def measures(self) -> dict[str, float]:
        """Return and risk of the episode up to now, after costs."""
        return self.ledger().backtest().measures(self.market.bars_per_year)

    def baselines(self) -> dict[str, dict[str, float]]:
        """What others would have earned on the same bars at the same costs: `buy_and_hold`."""
        plain = {
            "actions": PositionActions(short=False),
            "limits": LimitsConfig(),
            "reward": LogReturnReward(),
            "stop_loss": None,
            "take_profit": None,
        }
        held = MeasuredEnv(self.market, self._config.model_copy(update=plain))
        held.reset()
        long, over = _last_choice(held.action_space), False
        while not over:
            _, _, terminated, truncated, _ = held.step(long)
            over = terminated or truncated
        return {"buy_and_hold": held.measures()}


def _last_choice(space: spaces.Space[Any]) -> Any:  # noqa: ANN401 - an action
    return space.nvec - 1 if isinstance(space, spaces.MultiDiscrete) else np.int64(space.n - 1)
