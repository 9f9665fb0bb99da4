"""From a configuration to a model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from training.config import CustomModelConfig, TrainingConfig
from training.errors import ConfigError
from training.imports import import_class

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.config import ModelConfig
    from training.models.base import Model
    from training.types import ModelSpec

# Where each kind is built; imported on demand, so that nobody pays for a library not used.
_BUILDERS = {
    "linear": "training.models.numpy_model",
    "logistic": "training.models.numpy_model",
    "mlp": "training.models.numpy_model",
}

_METHODS = ("train_on_batch", "evaluate_on_batch", "predict", "state_dict", "load_state_dict")


class ModelFactory:
    """Makes models by name, and of any class that follows the protocol."""

    def __init__(self, trusted: Collection[str] | None = None) -> None:
        """`trusted`: modules that `module:Class` may name; None: all (see `training.imports`)."""
        self.trusted = trusted

    def get_model(
        self, config: ModelConfig, spec: ModelSpec, training: TrainingConfig | None = None
    ) -> Model:
        """Build a model, untrained.

        Args:
            config: which.
            spec: what it must know of its task.
            training: how it is to be trained; None: it is only to predict.

        Raises:
            ConfigError: the class cannot be imported or built, or is no model.
        """
        if isinstance(config, CustomModelConfig):
            return self._custom(config, spec)
        build = import_module(_BUILDERS[config.type]).build
        model: Model = build(config, spec, training or TrainingConfig())
        return model

    def _custom(self, config: CustomModelConfig, spec: ModelSpec) -> Model:
        settings = config.model_extra or {}
        kind = import_class(config.type, self.trusted)
        missing = [name for name in _METHODS if not callable(getattr(kind, name, None))]
        if missing:
            raise ConfigError(
                f"model.type = {config.type!r} is no model: it has no {', '.join(missing)}; "
                "see training.models.Model for what a model does"
            )
        try:
            model: Model = kind(spec=spec, **settings)
        except TypeError as error:
            given = ", ".join(["spec", *settings])
            raise ConfigError(
                f"model.type = {config.type!r} cannot be built with {given}: {error}"
            ) from error
        return model
