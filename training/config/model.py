"""The section `model`: what is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Tag

from training.config.base import Positive, Section
from training.config.choice import CUSTOM, by_type
from training.config.estimators import SklearnConfig


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

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    type: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:Class`."""


ModelConfig = Annotated[
    Annotated[LinearConfig, Tag("linear")]
    | Annotated[LogisticConfig, Tag("logistic")]
    | Annotated[MlpConfig, Tag("mlp")]
    | Annotated[SklearnConfig, Tag("sklearn")]
    | Annotated[CustomModelConfig, Tag(CUSTOM)],
    by_type("model", ("linear", "logistic", "mlp", "sklearn"), custom=True, default="mlp"),
]
