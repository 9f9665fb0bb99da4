"""The three ways in which an estimator learns: a step on a batch, growing, or one fit."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from training.errors import ConfigError, DataError

if TYPE_CHECKING:
    from training.config.estimators import SklearnConfig
    from training.types import Array, ModelSpec


class Learner(Protocol):
    """Teaches an estimator.

    Attributes:
        whole: whether it wants all rows of the training part in one batch.
    """

    whole: bool

    def learn(self, chain: Chain, x: Array, y: Array, weight: Array | None) -> None:
        """Learn from these rows."""
        ...


class Chain:
    """Transformers, then the estimator.

    Attributes:
        steps: the transformers.
        estimator: what predicts.
    """

    def __init__(self, steps: list[Any], estimator: Any) -> None:  # noqa: ANN401 - of scikit-learn
        """Hold them, fitted or not."""
        self.steps = steps
        self.estimator = estimator

    def transform(self, x: Array) -> Array:
        """What the estimator sees."""
        for step in self.steps:
            x = step.transform(x)
        return x


class ByBatch:
    """`partial_fit` of each transformer, then of the estimator, as a loop by hand would do."""

    whole = False

    def __init__(self, spec: ModelSpec) -> None:
        """Classes are numbered from 0, so they are known before the first batch."""
        values = spec.task == "regression"
        self._classes = None if values else np.arange(max(2, spec.outputs))

    def learn(self, chain: Chain, x: Array, y: Array, weight: Array | None) -> None:
        """Take one step."""
        for step in chain.steps:
            if hasattr(step, "partial_fit"):
                step.partial_fit(x)
            x = step.transform(x)
        further = _weighted(chain.estimator.partial_fit, weight)
        if self._classes is not None:
            further["classes"] = self._classes
        chain.estimator.partial_fit(x, y, **further)


class Growing:
    """`warm_start`: each epoch's fit goes on from the last one with more trees or iterations."""

    whole = True

    def __init__(self, size: str, grow_by: int) -> None:
        """`size` is the argument that grows: `n_estimators` or `max_iter`."""
        self._size, self._grow_by = size, grow_by

    def learn(self, chain: Chain, x: Array, y: Array, weight: Array | None) -> None:
        """Add to what is there; transformers are fitted once, on the first epoch."""
        estimator = chain.estimator
        begun = hasattr(estimator, "n_features_in_")
        if not begun:
            _fit_steps(chain, x)
        size = getattr(estimator, self._size) + self._grow_by if begun else self._grow_by
        estimator.set_params(warm_start=True, **{self._size: size})
        estimator.fit(chain.transform(x), y, **_weighted(estimator.fit, weight))


class Once:
    """One fit, all at once."""

    whole = True

    def learn(self, chain: Chain, x: Array, y: Array, weight: Array | None) -> None:
        """Fit transformers and estimator."""
        _fit_steps(chain, x)
        further = _weighted(chain.estimator.fit, weight)
        chain.estimator.fit(chain.transform(x), y, **further)


def learner_of(config: SklearnConfig, chain: Chain, spec: ModelSpec) -> Learner:
    """The way that a configuration asks for, or the first that the estimator can.

    Raises:
        ConfigError: the estimator cannot learn in that way.
    """
    name, estimator = config.estimator.type, chain.estimator
    size = _size_of(estimator)
    can = {"partial_fit": _in_batches(chain), "grow": size is not None, "fit": True}
    way = next(way for way in can if can[way]) if config.learn == "auto" else config.learn
    if not can[way]:
        ways = [known for known in can if can[known]]
        raise ConfigError(
            f"model.learn = {way!r}: {name!r} with its steps cannot learn so; it can: "
            f"{', '.join(ways)}"
        )
    if way == "partial_fit":
        return ByBatch(spec)
    if way == "grow" and size is not None:
        return Growing(size, config.grow_by)
    if spec.epochs > 1:
        raise ConfigError(
            f"training.epochs = {spec.epochs}: {name!r} learns in one fit, and fitted again it "
            "would be the same; set training.epochs: 1"
        )
    return Once()


def _size_of(estimator: Any) -> str | None:  # noqa: ANN401 - of scikit-learn
    known = estimator.get_params(deep=False)
    if "warm_start" not in known:
        return None
    if "n_estimators" in known:
        return "n_estimators"
    return "max_iter" if type(estimator).__name__.startswith("HistGradientBoosting") else None


def _in_batches(chain: Chain) -> bool:
    """Whether each part learns from a batch, or has nothing to learn."""
    return hasattr(chain.estimator, "partial_fit") and all(
        hasattr(step, "partial_fit") or not step.__sklearn_tags__().requires_fit
        for step in chain.steps
    )


def _fit_steps(chain: Chain, x: Array) -> None:
    for step in chain.steps:
        x = step.fit(x).transform(x)


def _weighted(method: Any, weight: Array | None) -> dict[str, Any]:  # noqa: ANN401 - a bound method
    if weight is None:
        return {}
    if "sample_weight" not in signature(method).parameters:
        raise DataError(
            f"{type(method.__self__).__name__} takes no weights of rows; leave them out, or take "
            "an estimator that does"
        )
    return {"sample_weight": weight}
