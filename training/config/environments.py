"""The section `model.environment`: where an agent acts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Tag

from training.config.base import Section
from training.config.choice import CUSTOM, by_type
from training.config.trading import TradingConfig


class GymnasiumEnvironment(Section):
    """An environment that Gymnasium knows by its id, such as `CartPole-v1`."""

    type: Literal["gymnasium"] = "gymnasium"
    id: Annotated[str, Field(pattern=r"^[\w./-]+$")]
    """As it is registered; Gymnasium's `module:id`, which imports a module, is `module:Class`
    here."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """What `gymnasium.make` is given besides."""


class CustomEnvironment(Section):
    """A `gymnasium.Env` of one's own; every other key is an argument of its constructor.

    A constructor that takes `part` is given the rows of the part that it is for: the features, the
    times and the bars of the training, validation or test part.
    """

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:Class`."""


Environment = Annotated[
    Annotated[TradingConfig, Tag("trading")]
    | Annotated[GymnasiumEnvironment, Tag("gymnasium")]
    | Annotated[CustomEnvironment, Tag(CUSTOM)],
    by_type("environment", ("trading", "gymnasium"), custom=True, default="trading"),
]
