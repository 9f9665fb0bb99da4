"""The one place where a configuration becomes a model."""

from __future__ import annotations

from importlib import import_module
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Final, cast

from training.config.agents import AGENTS
from training.config.model import CustomModelConfig
from training.config.training import TrainingConfig
from training.errors import ConfigError, did_you_mean
from training.imports import import_class
from training.models.base import Model
from training.secrets import revealed, unspoken

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from training.config.model import ModelConfig
    from training.models.agents.worlds import Worlds
    from training.types import ModelSpec

    Builder = Callable[..., Model]

# The built-in types, each with the module:function that builds it; imported when asked for, so
# that nobody pays for a library that they do not use. An adapter is one file and one line here.
_BUILDERS: Final = {
    "linear": "training.models.numpy_model:build",
    "logistic": "training.models.numpy_model:build",
    "mlp": "training.models.numpy_model:build",
    "sklearn": "training.models.scikit:build",
    "torch": "training.models.pytorch:build",
    **dict.fromkeys(
        ("dqn", "ppo", "a2c", "qrdqn", "recurrent_ppo"), "training.models.agents.agent:build"
    ),
}
_EXTRAS: Final = {
    "sklearn": "sklearn",
    "torch": "torch",
    "gymnasium": "agents",
    "stable_baselines3": "agents",
    "sb3_contrib": "agents",
}


class ModelFactory:
    """Makes the model that a configuration describes."""

    def __init__(
        self, trusted: Collection[str] | None = None, worlds: Worlds | None = None
    ) -> None:
        """Decide whose classes may be imported.

        Args:
            trusted: modules (or packages) that a `module:Class` may be imported from; None when
                the configuration was written by the user who runs this process.
            worlds: the environments that an agent learns in; None: it only predicts.
        """
        self.trusted = trusted
        self.worlds = worlds

    def get_model(
        self, config: ModelConfig, spec: ModelSpec, training: TrainingConfig | None = None
    ) -> Model:
        """A new model, with the initial weights that follow from `spec.seed`.

        Args:
            config: the section `model`.
            spec: what the model must know about its task.
            training: optimizer, schedule and clipping; None when the model will only predict.

        Raises:
            ConfigError: no such type, a class that is not trusted, cannot be imported, refuses its
                arguments or is no model, or a model that cannot learn the task.
        """
        if isinstance(config, CustomModelConfig):
            return self._custom(config, spec)
        if config.type not in _BUILDERS:
            known = (*_BUILDERS, "module:Class")
            raise ConfigError(f"model.type = {config.type!r}: {did_you_mean(config.type, known)}")
        further = {"worlds": self.worlds} if isinstance(config, AGENTS) else {}
        make = _builder(config.type)
        return make(config, spec, training or TrainingConfig(), self.trusted, **further)

    @unspoken()
    def _custom(self, config: CustomModelConfig, spec: ModelSpec) -> Model:
        found = import_class(config.type, self.trusted)
        keys = revealed(config, self.trusted).model_extra or {}
        _check_keys(config.type, found, keys)
        try:
            model = found(spec=spec, **keys)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"model.type = {config.type!r} with {config.model_extra or 'no further keys'} was "
                f"refused by its constructor: {error}"
            ) from error
        return _checked(config.type, model)


def _builder(kind: str) -> Builder:
    module_name, _, function = _BUILDERS[kind].partition(":")
    try:
        return cast("Builder", getattr(import_module(module_name), function))
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise ConfigError(
            f"model.type = {kind!r} needs {error.name}, which is not installed; install it with "
            f"pip install 'prefect-retrain[{extra}]'"
        ) from error


def _check_keys(reference: str, found: type[Any], keys: dict[str, Any]) -> None:
    try:
        arguments = signature(found).parameters
    except ValueError:  # a class written in C may not tell its arguments
        return
    if any(argument.kind is Parameter.VAR_KEYWORD for argument in arguments.values()):
        return
    if "spec" not in arguments:
        raise ConfigError(
            f"model.type = {reference!r}: its constructor takes no 'spec'; expected "
            f"{found.__name__}(spec: ModelSpec, …the keys of the section model…)"
        )
    for key in keys:
        if key not in arguments or key == "spec":
            known = set(arguments) - {"spec"}
            raise ConfigError(
                f"model.{key}: {reference!r} takes no such key; {did_you_mean(key, known)}"
            )


def _checked(reference: str, model: object) -> Model:
    methods = [name for name in vars(Model) if not name.startswith("_")]
    missing = [name for name in methods if not callable(getattr(model, name, None))]
    if missing:
        raise ConfigError(
            f"model.type = {reference!r} is no model: it has no {', '.join(missing)}; "
            f"a model has the methods {', '.join(methods)} (training.models.Model)"
        )
    return cast("Model", model)
