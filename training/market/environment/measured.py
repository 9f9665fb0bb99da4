"""One pass over a whole market, measured as a backtest is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.trading import WholeWindow
from training.market.baselines import median
from training.market.environment.beside import beside
from training.market.environment.single import TradingEnv

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.config.trading import TradingConfig
    from training.market.backtest import Backtest
    from training.market.environment.market import Market
    from training.types import Array


class MeasuredEnv(TradingEnv):
    """An environment whose only episode is the whole market.

    With the last step, `info["measures"]` says what was earned. A reset begins it again.
    """

    def __init__(
        self,
        market: Market,
        config: TradingConfig,
        *,
        earlier: Array | None = None,
        trusted: Collection[str] | None = None,
    ) -> None:
        """Build it; as `TradingEnv`.

        Args:
            market: what is traded.
            config: what is seen, allowed, paid and rewarded.
            earlier: closes before the market's first, shape (bars, symbols), for baselines.
            trusted: modules that a reward may come from; None: any.
        """
        whole = config.model_copy(update={"episodes": WholeWindow()})
        super().__init__(market, whole, record=True, trusted=trusted)
        self._config, self._earlier = whole, earlier
        self._chosen: list[Any] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """As `TradingEnv.reset`."""
        self._chosen = []
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:  # noqa: ANN401 - as gymnasium has it
        """As `TradingEnv.step`."""
        seen, reward, terminated, truncated, info = super().step(action)
        self._chosen.append(np.array(action))
        if terminated or truncated:
            info["measures"] = self.measures()
        return seen, reward, terminated, truncated, info

    def account(self) -> Backtest:
        """What the episode did up to now, after costs."""
        return self.ledger().backtest()

    def measures(self) -> dict[str, float]:
        """Return and risk of the episode up to now, after costs."""
        return self.account().measures(self.market.bars_per_year)

    def others(self, seed: int = 0) -> dict[str, list[Backtest]]:
        """What stands beside the episode, by name; see `beside`.

        Args:
            seed: of what is drawn.
        """
        chosen = np.array(self._chosen)
        return beside(self.market, self._config, chosen, earlier=self._earlier, seed=seed)

    def baselines(self, seed: int = 0) -> dict[str, dict[str, float]]:
        """Their return and risk, by name and measure; of several draws the median.

        Args:
            seed: of what is drawn.
        """
        bars = self.market.bars_per_year
        return {
            name: median([one.measures(bars) for one in accounts])
            for name, accounts in self.others(seed).items()
        }
