"""An estimator of scikit-learn as a `Model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from training.errors import ConfigError, DataError
from training.models.checks import check_classes, check_inputs, check_weight, fit_targets
from training.models.scikit import state as codec
from training.models.scikit.learners import Chain, learner_of
from training.models.scikit.names import make
from training.models.scikit.proof import prove
from training.models.scikit.scores import score

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.config.estimators import SklearnConfig
    from training.config.training import TrainingConfig
    from training.types import Array, Batch, Metrics, ModelSpec


def build(
    config: SklearnConfig,
    spec: ModelSpec,
    training: TrainingConfig,  # noqa: ARG001 - every builder is called alike
    trusted: Collection[str] | None = None,
) -> SklearnModel:
    """The model of a `sklearn` section, after a trial on rows of chance.

    Raises:
        ConfigError: no such estimator or argument, it cannot learn the task, or its state cannot
            be stored and brought back to the bit.
    """
    prove(lambda: SklearnModel(config, spec, trusted, small=True), spec, config.estimator)
    return SklearnModel(config, spec, trusted)


class SklearnModel:
    """Transformers and an estimator that learn batch by batch, by growing, or in one fit.

    Before the first step it predicts 0, or the same chance for every class.

    Attributes:
        learns_whole_epochs: whether a batch must be the whole training part.
        chain: transformers and estimator, scikit-learn's own objects.
    """

    def __init__(
        self,
        config: SklearnConfig,
        spec: ModelSpec,
        trusted: Collection[str] | None = None,
        *,
        small: bool = False,
    ) -> None:
        """Make everything unfitted.

        Args:
            config: the section `model`.
            spec: the task.
            trusted: modules that a `module:Class` may be imported from; None: all.
            small: grow by 2 a step only, for a trial.

        Raises:
            ConfigError: no such estimator, or not for this task.
        """
        self._spec = spec
        self._dtype = spec.numpy_dtype
        steps = [
            make(step, f"model.steps.{i}", spec.seed, trusted)
            for i, step in enumerate(config.steps)
        ]
        estimator = make(config.estimator, "model.estimator", spec.seed, trusted)
        _check_task(config.estimator.type, estimator, spec)
        self.chain = Chain(steps, estimator)
        shorter = config.model_copy(update={"grow_by": 2}) if small else config
        self._learner = learner_of(shorter, self.chain, spec)
        self.learns_whole_epochs = self._learner.whole
        self._gives_chances = hasattr(estimator, "predict_proba")
        self._fresh = self._attributes()
        self._steps = 0

    def train_on_batch(self, batch: Batch) -> Metrics:
        """Learn from a batch.

        Returns:
            Means over the rows as they were before a `partial_fit`; as they are after a fit, or
            after growing.

        Raises:
            DataError: arrays of another shape or dtype, or weights that it cannot take.
        """
        batch = self._checked(batch)
        before = {} if self.learns_whole_epochs else self._measure(batch)
        self._learner.learn(self.chain, *batch)
        self._steps += 1
        return before or self._measure(batch)

    def evaluate_on_batch(self, batch: Batch) -> Metrics:
        """`loss` with `mae` or `accuracy`, without learning.

        The loss is the mean squared error, the cross-entropy, or, for a classifier that gives no
        chances, the share of rows that are wrong.

        Raises:
            DataError: as in `train_on_batch`.
        """
        return self._measure(self._checked(batch))

    def predict(self, x: Array) -> Array:
        """Predictions, shape (rows,) for one output, else (rows, outputs).

        A classifier that gives no chances gives its vote: 1 for the class, 0 for the others.

        Raises:
            DataError: inputs of another shape or dtype.
        """
        check_inputs(x, self._spec.inputs, self._dtype)
        return self._predict(x)

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that was fitted, as arrays and plain values.

        Returns:
            `weights`: what each step and the estimator remember; `progress`: the number of steps.
        """
        chain = self.chain
        parts = {f"step{i}": step for i, step in enumerate(chain.steps)}
        parts["estimator"] = chain.estimator
        fitted = {name: codec.encode(_remembered(part)) for name, part in parts.items()}
        return {"weights": fitted, "progress": {"step": self._steps}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state.

        Raises:
            ConfigError: it belongs to another configuration.
            IntegrityError: it is none of ours.
        """
        weights = state.get("weights", {})
        names = {*(f"step{i}" for i in range(len(self.chain.steps))), "estimator"}
        if set(weights) != names or set(state) - {"weights", "progress"}:
            raise ConfigError(
                f"this state has {sorted(state)} with weights of {sorted(weights)}; this model "
                f"expects those of {sorted(names)}: load it into one of the same configuration"
            )
        parts = [weights[f"step{i}"] for i in range(len(self.chain.steps))]
        decoded = [codec.decode(part) for part in (*parts, weights["estimator"])]
        for part, fresh, fitted in zip(self._parts, self._fresh, decoded, strict=True):
            vars(part).clear()
            vars(part).update(fresh | fitted)
        self._steps = state.get("progress", {"step": self._steps})["step"]

    @property
    def _parts(self) -> list[Any]:
        return [*self.chain.steps, self.chain.estimator]

    def _attributes(self) -> list[dict[str, Any]]:
        """What the constructors set: given by the configuration, so it is not stored."""
        return [dict(vars(part)) for part in self._parts]

    def _checked(self, batch: Batch) -> Batch:
        spec = self._spec
        check_inputs(batch.x, spec.inputs, self._dtype)
        if len(batch.x) == 0:
            raise DataError("a batch without rows; expected at least one")
        y = fit_targets(batch.y, len(batch.x), spec)
        if spec.task != "regression":
            check_classes(y, max(2, spec.outputs))
            y = y.astype(np.int64)
        if batch.weight is not None:
            check_weight(batch.weight, len(batch.x), self._dtype)
        return batch._replace(y=y)

    def _measure(self, batch: Batch) -> Metrics:
        found = self._predict(batch.x)
        chances = self._gives_chances
        return score(found, batch.y, batch.weight, self._spec.task, chances=chances)

    def _predict(self, x: Array) -> Array:
        spec = self._spec
        shape = (len(x),) if spec.outputs == 1 else (len(x), spec.outputs)
        if len(x) == 0 or not hasattr(self.chain.estimator, "n_features_in_"):
            even = 0.0 if spec.task == "regression" else 1 / max(2, spec.outputs)
            return np.full(shape, even, self._dtype)
        x = self.chain.transform(x)
        if spec.task == "regression":
            found = self.chain.estimator.predict(x)
        else:
            found = self._by_class(x)
            found = found[:, 1] if spec.outputs == 1 else found
        return np.ascontiguousarray(found, self._dtype).reshape(shape)

    def _by_class(self, x: Array) -> Array:
        """Shape (rows, classes); a class that was never seen has the chance 0."""
        estimator, classes = self.chain.estimator, max(2, self._spec.outputs)
        found = np.zeros((len(x), classes))
        if self._gives_chances:
            found[:, estimator.classes_] = estimator.predict_proba(x)
        else:
            found[np.arange(len(x)), estimator.predict(x)] = 1
        return found


def _remembered(part: Any) -> dict[str, Any]:  # noqa: ANN401 - of scikit-learn
    """What was fitted or grew, and the seed; other arguments are the configuration's."""
    given = part.get_params(deep=False).keys()
    ours = {"n_estimators", "max_iter", "warm_start", "random_state"}
    return {name: value for name, value in vars(part).items() if name not in given - ours}


def _check_task(name: str, estimator: Any, spec: ModelSpec) -> None:  # noqa: ANN401 - of scikit-learn
    values = spec.task == "regression"
    if not (is_regressor(estimator) if values else is_classifier(estimator)):
        kind = "a regressor" if values else "a classifier"
        raise ConfigError(
            f"model.estimator = {name!r} is not {kind}, and the target's task is {spec.task!r}; "
            f"name {kind}, or another target (data.target)"
        )
