"""A trial before training: does this estimator learn the task, and come back to the bit?"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from training.errors import ConfigError
from training.models.checks import same_state
from training.types import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config.estimators import SklearnPart
    from training.models.base import Model
    from training.types import ModelSpec

_ROWS = 60
_REFUSALS = (ValueError, TypeError, AttributeError, NotImplementedError)  # scikit-learn raises them
"""What an estimator raises on a task that it cannot learn: scikit-learn has no error for that."""


def prove(make: Callable[[], Model], spec: ModelSpec, part: SklearnPart) -> None:
    """Train on rows of chance, take the state over into another model, train both on.

    Args:
        make: a new model, one that grows little.
        spec: the task.
        part: the estimator's section, for messages.

    Raises:
        ConfigError: it cannot learn the task, its state cannot be stored, or it forgets something.
    """
    one, other = make(), make()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # rows of chance converge to nothing
            one.train_on_batch(_rows(spec, 0))
            one.train_on_batch(_rows(spec, 1))
            other.load_state_dict(one.state_dict())
            for model in (one, other):
                model.train_on_batch(_rows(spec, 2))
            same = same_state(one.state_dict(), other.state_dict())
    except _REFUSALS as error:
        raise ConfigError(
            f"model.estimator = {part.type!r} cannot learn a {spec.task} with {spec.outputs} "
            f"output(s): {error}"
        ) from error
    except ConfigError as error:
        raise ConfigError(
            f"model.estimator = {part.type!r} cannot be used: its {error}; take another estimator, "
            "or other arguments"
        ) from error
    if not same:
        raise ConfigError(
            f"model.estimator = {part.type!r} cannot be resumed exactly: brought back from its "
            "stored state it does not learn on as before; take another estimator"
        )


def _rows(spec: ModelSpec, seed: int) -> Batch:
    """None negative, since some estimators take no such numbers; every class occurs."""
    random = np.random.default_rng(seed)
    x = random.random((_ROWS, spec.inputs)).astype(spec.dtype)
    if spec.task == "regression":
        shape = (_ROWS, spec.outputs) if spec.outputs > 1 else (_ROWS,)
        return Batch(x, (random.random(shape) + 0.5).astype(spec.dtype))
    return Batch(x, random.permutation(np.arange(_ROWS) % max(2, spec.outputs)))
