"""What a retraining can be asked for where the model is an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.config.agents import AGENTS
from training.config.model import trading_of
from training.config.promotion import (
    AllOfRule,
    AnyOfRule,
    BeatsRule,
    BetterRule,
    NotWorseRule,
    SignificantRule,
)
from training.errors import ConfigError
from training.evaluation import earned
from training.models.agents.episodes import EACH_EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from training.config import RunConfig
    from training.config.promotion import PromotionRule

_TOLD = {f"test_{name}" for name in ("reward", "episode_length", *EACH_EPOCH)}
_INSTEAD = "test_reward, or a measure of its portfolio such as test_backtest_sharpe"


def check_agent(config: RunConfig) -> None:
    """Refuse what an agent cannot be compared by; of another model nothing is asked.

    Raises:
        ConfigError: it does not trade a table's rows, or a rule or a sign asks for a metric that
            agents have not.
    """
    if not isinstance(config.model, AGENTS):
        return
    kind = config.model.environment.type
    if trading_of(config.model) is None:
        raise ConfigError(
            f"model.environment.type = {kind!r}: a retraining compares agents on the newest bars "
            "of a market, and this one acts elsewhere; train it with `retrain run`, and promote it "
            "with `retrain models promote`"
        )
    for place, metric in _asked_for(config):
        if metric not in _TOLD and earned(metric) is None:
            raise ConfigError(f"{place} = {metric!r} is not measured of an agent; set {_INSTEAD}")


def _asked_for(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Each metric that is looked at, and the key that names it."""
    retraining = config.retraining
    if "decay" in {*retraining.only_after, *retraining.fresh_after}:
        yield "retraining.decay.metric", retraining.decay.metric
    for rule in _flat(config.promotion.rules):
        if isinstance(rule, BetterRule | NotWorseRule):
            yield f"promotion.rules: {rule.type}: metric", rule.metric
        elif isinstance(rule, BeatsRule) and rule.baseline in {"majority", "last_value"}:
            yield "promotion.rules: beats: baseline", rule.baseline
        elif isinstance(rule, SignificantRule) and rule.of == "loss":
            yield "promotion.rules: significant: of", rule.of


def _flat(rules: Iterable[PromotionRule]) -> Iterator[PromotionRule]:
    for rule in rules:
        if isinstance(rule, AllOfRule | AnyOfRule):
            yield from _flat(rule.rules)
        else:
            yield rule
