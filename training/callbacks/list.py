"""Several callbacks as one: in order, with only the hooks that somebody overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.callbacks.base import HOOKS, CallbackBase
from training.errors import CallbackError, ConfigError, RetrainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from training.callbacks.records import Record

    Hook = Callable[[Any], None]


class CallbackList:
    """Callbacks by ascending `order`, each hook bound once.

    Whether a hook is worth a record is asked with `if callbacks.on_batch_end:`; the attribute of
    each hook is the tuple of the bound methods that somebody overrides.
    """

    on_train_begin: tuple[Hook, ...]
    on_train_end: tuple[Hook, ...]
    on_epoch_begin: tuple[Hook, ...]
    on_epoch_end: tuple[Hook, ...]
    on_batch_begin: tuple[Hook, ...]
    on_batch_end: tuple[Hook, ...]
    on_validation_begin: tuple[Hook, ...]
    on_validation_end: tuple[Hook, ...]
    on_checkpoint_saved: tuple[Hook, ...]
    on_exception: tuple[Hook, ...]

    def __init__(self, callbacks: Iterable[object]) -> None:
        """Sort and bind.

        Raises:
            ConfigError: something in the list is no callback.
        """
        given = [_checked(callback) for callback in callbacks]
        self._callbacks = sorted(given, key=lambda callback: callback.order)
        for hook in HOOKS:
            bound = [getattr(one, hook) for one in self._callbacks if one.wants(hook)]
            setattr(self, hook, tuple(bound))

    def __iter__(self) -> Iterator[CallbackBase]:
        """In the order in which they are called."""
        return iter(self._callbacks)

    @property
    def best_epoch(self) -> int | None:
        """What the first callback with an opinion holds to be the best epoch."""
        opinions = (callback.best_epoch for callback in self._callbacks)
        return next((epoch for epoch in opinions if epoch is not None), None)

    def state_dict(self) -> dict[str, Any]:
        """The memory of each, by a key that does not depend on listeners beside it."""
        states = {key: callback.state_dict() for key, callback in self._keyed()}
        return {key: state for key, state in states.items() if state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give each its memory back; one that is new here starts as it is."""
        for key, callback in self._keyed():
            if key in state:
                callback.load_state_dict(state[key])

    def identity(self) -> list[dict[str, Any]]:
        """What of them can change the result."""
        parts = (callback.identity() for callback in self._callbacks)
        return [part for part in parts if part is not None]

    def _keyed(self) -> Iterator[tuple[str, CallbackBase]]:
        seen: dict[str, int] = {}
        for callback in self._callbacks:
            name = type(callback).__qualname__
            seen[name] = seen.get(name, 0) + 1
            yield (name if seen[name] == 1 else f"{name}#{seen[name]}"), callback


def _checked(callback: object) -> CallbackBase:
    if isinstance(callback, CallbackBase):
        return callback
    hint = "; call the class" if isinstance(callback, type) else ""
    raise ConfigError(
        f"{callback!r} is no callback; expected an instance of a class that "
        f"inherits from training.callbacks.CallbackBase{hint}"
    )


def fire(hooks: tuple[Hook, ...], record: Record) -> None:
    """Call each hook with the same record.

    Raises:
        CallbackError: one raised; which one, and where, with the original error as its cause.
    """
    for hook in hooks:
        try:
            hook(record)
        except RetrainError:
            raise
        except Exception as error:
            name = getattr(hook, "__qualname__", repr(hook))
            at = f"epoch {record.epoch}, step {record.step}"
            raise CallbackError(f"{name} raised {type(error).__name__} at {at}: {error}") from error
