"""What an agent acts in, made of the configuration and the data: `run` hands it to the model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from training.config.agents import AGENTS
from training.config.environments import CustomEnvironment, GymnasiumEnvironment
from training.config.model import trading_of
from training.config.sources import NoSource
from training.data.dataset import Part
from training.data.tradable import closes_before, market_of
from training.errors import ConfigError, DataError
from training.imports import import_class
from training.models.agents.worlds import Worlds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import gymnasium as gym

    from training.config import RunConfig, TrainingConfig
    from training.config.agents import AgentConfig
    from training.data import Dataset, Table
    from training.market.environment import MeasuredEnv

_OF_GYMNASIUM = "gymnasium.envs."


def acts(config: RunConfig) -> bool:
    """Whether the model is an agent."""
    return isinstance(config.model, AGENTS)


def trades(config: RunConfig) -> bool:
    """Whether the model is an agent on a market, which wants the table's own prices."""
    return trading_of(config.model) is not None


def check_source(config: RunConfig) -> None:
    """Accept a source that the model can learn from.

    Raises:
        ConfigError: it needs a table, and there is none; or a backtest that is not looked at.
    """
    if isinstance(config.data.source, NoSource) and (not acts(config) or trades(config)):
        raise ConfigError(
            f"model.type = {config.model.type!r} learns from rows, and data.source.type = 'none' "
            "has none; name a source, or give the agent an environment of its own"
        )
    if acts(config) and config.evaluation.backtest is not None:
        raise ConfigError(
            "evaluation.backtest is a rule from predictions to positions; an agent trades by "
            "itself, at model.environment.costs: leave it out"
        )


def worlds_of(
    config: RunConfig, data: Dataset, table: Table | None, trusted: Collection[str] | None
) -> Worlds | None:
    """The environments of an agent; None: the model is none.

    Raises:
        ConfigError: there is no such environment, or it refuses its arguments.
        DataError: the rows cannot be traded.
    """
    model = config.model
    if not isinstance(model, AGENTS):
        return None
    try:
        if trades(config):
            return _market_worlds(model, data, table, trusted)
        return _other_worlds(model, data, trusted)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"gymnasium", "stable_baselines3"}:
            raise
        raise ConfigError(
            f"model.type = {model.type!r} needs {error.name}, which is not installed; install it "
            "with pip install 'prefect-retrain[agents]'"
        ) from error


def described(worlds: Worlds | None) -> dict[str, Any] | None:
    """The spaces of observations and actions in plain values; None: the model is no agent."""
    if worlds is None:
        return None
    from training.models.agents.spaces import spaces_of

    return spaces_of(worlds)


def numbered(data: Dataset, model: AgentConfig, worlds: Worlds) -> Dataset:
    """The same data as an agent's rows: the numbers of its steps, and of its episodes."""
    first = worlds.validation
    return replace(
        data,
        train=_numbers(0, model.steps_per_batch * model.batches_per_epoch),
        validation=_numbers(0, first),
        test=_numbers(first, first + worlds.test),
    )


def in_batches(training: TrainingConfig, model: AgentConfig) -> TrainingConfig:
    """How these rows are gone through: in their order, an agent's batch at a time."""
    return training.model_copy(
        update={"batch_size": model.steps_per_batch, "shuffle": False, "drop_last": False}
    )


def _parts(data: Dataset) -> dict[str, Part]:
    return {"train": data.train, "validation": data.validation, "test": data.test}


def _numbers(first: int, end: int) -> Part:
    numbers = np.arange(first, end)
    return Part(numbers, numbers)


def _market_worlds(
    model: AgentConfig, data: Dataset, table: Table | None, trusted: Collection[str] | None
) -> Worlds:
    from training.market.environment import MeasuredEnv, TradingVectorEnv

    config: Any = model.environment
    if table is None:
        raise ConfigError(
            "an agent that trades wants its table in memory; set data.memory.mode: memory"
        )
    window, parts = config.observation.window, _parts(data)
    markets = {
        name: market_of(part, table, window, data.bars_per_year)
        for name, part in parts.items()
        if len(part.x) > 1
    }
    if "train" not in markets:
        raise DataError("the training part has no two bars; expected more rows, or smaller parts")

    def measured(name: str) -> MeasuredEnv:
        earlier = closes_before(parts[name], table, window)
        return MeasuredEnv(markets[name], config, earlier=earlier, trusted=trusted)

    return Worlds(
        make=measured,
        validation=int("validation" in markets),
        test=int("test" in markets),
        together=lambda count: TradingVectorEnv(markets["train"], config, count, trusted=trusted),
        draws_from_python=config.reward.type.count(":") > 0,
    )


def _other_worlds(model: AgentConfig, data: Dataset, trusted: Collection[str] | None) -> Worlds:
    environment = model.environment
    if isinstance(environment, GymnasiumEnvironment):
        make, own = _of_gymnasium(environment)
    else:
        make, own = _of_class(environment, data, trusted), False  # type: ignore[arg-type] # trading is elsewhere
    count = model.evaluation_episodes
    return Worlds(make, validation=count, test=count, draws_from_python=not own)


def _of_gymnasium(
    config: GymnasiumEnvironment,
) -> tuple[Callable[[str], gym.Env[Any, Any]], bool]:
    """A maker, and whether it is one of Gymnasium's own, which draw from their own generators."""
    import gymnasium as gym

    try:
        point = gym.spec(config.id).entry_point
        gym.make(config.id, **config.arguments).close()
    except (gym.error.Error, ImportError, TypeError, ValueError) as error:
        raise ConfigError(f"model.environment.id = {config.id!r}: {error}") from error
    own = isinstance(point, str) and point.startswith(_OF_GYMNASIUM)
    return lambda _part: gym.make(config.id, **config.arguments), own


def _of_class(
    config: CustomEnvironment, data: Dataset, trusted: Collection[str] | None
) -> Callable[[str], gym.Env[Any, Any]]:
    import gymnasium as gym

    found: Any = import_class(config.type, trusted)
    keys = dict(config.model_extra or {})
    parts = _parts(data)
    takes_part = "part" in signature(found).parameters

    def make(part: str) -> gym.Env[Any, Any]:
        made = partial(found, part=parts[part]) if takes_part else found
        try:
            environment = made(**keys)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"model.environment.type = {config.type!r} with {keys or 'no further keys'} was "
                f"refused by its constructor: {error}"
            ) from error
        if not isinstance(environment, gym.Env):
            raise ConfigError(
                f"model.environment.type = {config.type!r} is a {type(environment).__name__}; "
                "expected a gymnasium.Env"
            )
        return environment

    return make
