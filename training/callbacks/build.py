"""From the configuration's callbacks to the list that the loop calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.callbacks.early_stopping import EarlyStoppingCallback
from training.callbacks.list import CallbackList
from training.callbacks.logging import LoggingCallback
from training.callbacks.model_checkpoint import ModelCheckpointCallback
from training.config import CustomCallbackConfig, EarlyStoppingConfig, LoggingCallbackConfig
from training.errors import ConfigError
from training.imports import import_class
from training.secrets import revealed, unspoken

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from training.callbacks.base import CallbackBase
    from training.config import CallbackConfig, CheckpointsConfig


def build_callbacks(
    configs: Iterable[CallbackConfig],
    checkpoints: CheckpointsConfig,
    more: Iterable[CallbackBase] = (),
    trusted: Collection[str] | None = None,
) -> CallbackList:
    """Logging and checkpointing by default, then what the configuration and the caller add.

    Args:
        configs: the section `callbacks`; an entry `logging` replaces the default one, or with
            `enabled: false` removes it.
        checkpoints: the section `checkpoints`.
        more: instances; a LoggingCallback or ModelCheckpointCallback replaces the default one.
        trusted: see `training.imports.import_class`.

    Raises:
        ConfigError: a class of the user's cannot be imported or built.
    """
    configs, more = list(configs), list(more)
    given: list[CallbackBase] = []
    says_logging = any(isinstance(config, LoggingCallbackConfig) for config in configs)
    if not says_logging and not _has(more, LoggingCallback):
        given.append(LoggingCallback())
    given += [built for config in configs if (built := _build(config, trusted)) is not None]
    given += more
    if not _has(given, ModelCheckpointCallback):
        given.append(ModelCheckpointCallback(checkpoints))
    return CallbackList(given)


def _build(config: CallbackConfig, trusted: Collection[str] | None) -> CallbackBase | None:
    if isinstance(config, LoggingCallbackConfig):
        settings = revealed(config).model_dump(exclude={"type", "enabled"})
        return LoggingCallback(**settings) if config.enabled else None
    if isinstance(config, EarlyStoppingConfig):
        return EarlyStoppingCallback(**config.model_dump(exclude={"type"}))
    return _custom(config, trusted)


@unspoken()
def _custom(config: CustomCallbackConfig, trusted: Collection[str] | None) -> CallbackBase:
    settings = revealed(config, trusted).model_extra or {}
    try:
        built: CallbackBase = import_class(config.type, trusted)(**settings)
    except TypeError as error:
        raise ConfigError(
            f"callback {config.type!r} cannot be built with {sorted(settings)}: {error}"
        ) from error
    return built


def _has(callbacks: Iterable[CallbackBase], kind: type[CallbackBase]) -> bool:
    return any(isinstance(callback, kind) for callback in callbacks)
