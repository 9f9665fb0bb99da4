"""Estimators and transformers by name, and what is said of a name or an argument that is wrong."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from training.errors import ConfigError, did_you_mean
from training.imports import import_class

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.config.estimators import SklearnPart

# Where a bare name is looked for, the most asked for first; the rest is not imported.
_MODULES: Final = (
    "linear_model", "preprocessing", "ensemble", "tree", "neural_network", "naive_bayes", "svm",
    "neighbors", "decomposition", "discriminant_analysis", "kernel_approximation", "kernel_ridge",
    "cross_decomposition", "feature_selection", "gaussian_process", "calibration", "dummy",
    "isotonic", "random_projection",
)  # fmt: skip


def make(part: SklearnPart, where: str, seed: int, trusted: Collection[str] | None) -> Any:  # noqa: ANN401 - any estimator
    """The unfitted object that a part of the configuration names.

    Args:
        part: `type` and arguments.
        where: the key of the configuration, for messages.
        seed: of its own randomness, where it has any and the configuration gives none.
        trusted: modules that a `module:Class` may be imported from; None: all.

    Raises:
        ConfigError: there is no such class, or it takes no such argument.
    """
    found = import_class(part.type, trusted) if ":" in part.type else _by_name(part.type, where)
    arguments = dict(part.model_extra or {})
    try:
        known = set(cast("Any", found)._get_param_names())  # noqa: SLF001 - it makes no object
    except (AttributeError, RuntimeError) as error:
        raise ConfigError(
            f"{where}.type = {part.type!r} is no estimator of scikit-learn's kind: {error}; "
            "derive it from sklearn.base.BaseEstimator"
        ) from error
    for key in arguments:
        if key not in known:
            raise ConfigError(
                f"{where}.{key}: {part.type!r} takes no such key; {did_you_mean(key, known)}"
            )
    if "random_state" in known and arguments.get("random_state") is None:
        arguments["random_state"] = seed
    try:
        return found(**{key: _as_python(value) for key, value in arguments.items()})
    except TypeError as error:
        raise ConfigError(f"{where}.type = {part.type!r}: {error}") from error


def _by_name(name: str, where: str) -> type[Any]:
    seen: set[str] = set()
    for module_name in _MODULES:
        module = import_module(f"sklearn.{module_name}")
        classes = {key: item for key, item in vars(module).items() if hasattr(item, "get_params")}
        if name in classes:
            return cast("type[Any]", classes[name])
        seen |= classes.keys()
    near = get_close_matches(name, seen, n=5) or ["SGDClassifier", "SGDRegressor"]
    raise ConfigError(
        f"{where}.type = {name!r} is nothing that scikit-learn has in its public modules; "
        f"{did_you_mean(name, near)}, …; or module:Class"
    )


def _as_python(value: object) -> object:
    """Lists of a YAML are the tuples that scikit-learn asks for (`hidden_layer_sizes`, ranges)."""
    return tuple(value) if isinstance(value, list) else value
