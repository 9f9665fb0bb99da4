"""The section `model`: what is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Tag

from training.config.agents import (
    A2cConfig,
    DqnConfig,
    PpoConfig,
    QrDqnConfig,
    RecurrentPpoConfig,
)
from training.config.base import Positive, Section
from training.config.choice import CUSTOM, by_type
from training.config.estimators import SklearnConfig
from training.config.networks import TorchConfig
from training.config.trading import TradingConfig


class LinearConfig(Section):
    """Linear regression by gradient descent (mean squared error)."""

    type: Literal["linear"] = "linear"


class LogisticConfig(Section):
    """Logistic regression by gradient descent (cross-entropy); softmax for several classes."""

    type: Literal["logistic"] = "logistic"


class MlpConfig(Section):
    """A multilayer perceptron; its loss follows the task of the target."""

    type: Literal["mlp"] = "mlp"
    hidden: tuple[Positive, ...] = (64, 64)
    """Units of each hidden layer."""
    activation: Literal["relu", "tanh"] = "relu"
    """Between the layers."""


class CustomModelConfig(Section):
    """A class of the user's own; every other key is an argument of its constructor."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:Class`."""
    window: Positive | None = None
    """Rows that the model sees at once, as `spec.window`: x has the shape (rows, window, features).
    Null: the row alone."""


ModelConfig = Annotated[
    Annotated[LinearConfig, Tag("linear")]
    | Annotated[LogisticConfig, Tag("logistic")]
    | Annotated[MlpConfig, Tag("mlp")]
    | Annotated[SklearnConfig, Tag("sklearn")]
    | Annotated[TorchConfig, Tag("torch")]
    | Annotated[DqnConfig, Tag("dqn")]
    | Annotated[PpoConfig, Tag("ppo")]
    | Annotated[A2cConfig, Tag("a2c")]
    | Annotated[QrDqnConfig, Tag("qrdqn")]
    | Annotated[RecurrentPpoConfig, Tag("recurrent_ppo")]
    | Annotated[CustomModelConfig, Tag(CUSTOM)],
    by_type(
        "model",
        (
            *("linear", "logistic", "mlp", "sklearn", "torch"),
            *("dqn", "ppo", "a2c", "qrdqn", "recurrent_ppo"),
        ),
        custom=True,
        default="mlp",
    ),
]


def window_of(config: ModelConfig) -> int | None:
    """How many rows the model sees at once; None: a row alone."""
    trading = trading_of(config)
    if trading is not None:
        return trading.observation.window
    window: int | None = getattr(config, "window", None)
    return window


def trading_of(config: ModelConfig) -> TradingConfig | None:
    """The market environment of an agent that trades; None: it is something else."""
    environment = getattr(config, "environment", None)
    return environment if isinstance(environment, TradingConfig) else None
