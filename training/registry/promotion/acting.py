"""Challenger and champion that trade: each acts on the same held-out bars, at the same costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.model import trading_of
from training.data.targets import horizon
from training.data.tradable import closes_before, market_of
from training.evaluation.names import OWN
from training.market import median
from training.registry.promotion.inputs import inputs_of
from training.registry.promotion.records import Candidate, Contest, curves_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.config import RunConfig
    from training.config.trading import TradingConfig
    from training.data import Dataset, Part, Table
    from training.market import Backtest
    from training.market.environment import MeasuredEnv
    from training.registry.load import RegisteredModel
    from training.types import Array

_OF_BOTH = ("costs", "reward", "initial_cash", "ruin")
"""What is asked of both alike; what they see, may do and never risk is each one's own."""


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """An agent's one episode without exploring, over all bars of a part.

    Attributes:
        candidate: what came of it.
        world: where it acted.
    """

    candidate: Candidate
    world: MeasuredEnv

    @classmethod
    def of(
        cls, model: RegisteredModel, part: Part, dataset: Dataset, table: Table, config: RunConfig
    ) -> Performance:
        """Let it act.

        Args:
            model: which trades.
            part: the bars.
            dataset: whose part it is.
            table: the whole table, so that features can look back.
            config: whose costs and rewards count.

        Raises:
            DataError: its features cannot be made of these rows.
        """
        from training.models.agents.episodes import mean_of_episodes, shown_of

        policy: Any = model.model
        world = _world(model, part, dataset, table, config)
        episode = policy.act_in(world)
        told = dict(mean_of_episodes([shown_of(episode)]))
        told |= {f"{OWN}_{name}": value for name, value in world.measures().items()}
        metrics = {f"test_{name}": float(v) for name, v in told.items() if math.isfinite(v)}
        returns = _to_the_end(world.account().returns, len(part.x) - 1)
        return cls(Candidate(str(model.version), metrics, returns=returns), world)


def contest_of_agents(
    challenger: RegisteredModel,
    champion: RegisteredModel | None,
    dataset: Dataset,
    table: Table,
    config: RunConfig,
) -> Contest:
    """Both on the test part; as `contest`.

    Raises:
        DataError: the champion's features cannot be made of these rows.
    """
    part = dataset.test
    own = Performance.of(challenger, part, dataset, table, config)
    other = None
    if champion is not None:
        other = Performance.of(champion, part, dataset, table, config).candidate
    others = own.world.others(config.training.seed)
    returns = {
        "challenger": own.candidate.returns,
        "champion": other.returns if other else None,
        "buy_and_hold": others["buy_and_hold"][0].returns,
    }
    return Contest(
        own.candidate,
        other,
        baselines=_measured(others, dataset.bars_per_year),
        curves=curves_of({name: one for name, one in returns.items() if one is not None}),
    )


def _world(
    model: RegisteredModel,
    part: Part,
    dataset: Dataset,
    table: Table,
    config: RunConfig,
) -> MeasuredEnv:
    """These bars as the agent sees them, at the costs and for the rewards of the configuration."""
    from training.market.environment import MeasuredEnv

    policy: Any = model.model
    own: TradingConfig = policy.config
    ours = trading_of(config.model)
    x = inputs_of(model, table, part, horizon(config.data.target))
    window = own.observation.window
    market = market_of(replace(part, x=x), table, window, dataset.bars_per_year)
    rules = own.model_copy(update={name: getattr(ours, name) for name in _OF_BOTH})
    return MeasuredEnv(market, rules, earlier=closes_before(part, table, window))


def _to_the_end(returns: Array, bars: int) -> Array:
    """Of an account that was ruined nothing more comes."""
    return np.append(np.nan_to_num(returns), np.zeros(bars - len(returns)))


def _measured(others: Mapping[str, list[Backtest]], bars: float | None) -> dict[str, float]:
    """By name and measure; of several draws the median."""
    found = {
        f"{name}_{measure}": value
        for name, accounts in others.items()
        for measure, value in median([one.measures(bars) for one in accounts]).items()
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}
