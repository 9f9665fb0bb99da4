"""The closed table of objects that may be found inside a fitted estimator.

A stored state says the name on the left; what is imported stands on the right, so that no file
ever chooses it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, Final

_LOSSES = (
    "AbsoluteError", "ExponentialLoss", "HalfBinomialLoss", "HalfGammaLoss",
    "HalfMultinomialLoss", "HalfPoissonLoss", "HalfSquaredError", "HalfTweedieLoss",
    "HalfTweedieLossIdentity", "HuberLoss", "PinballLoss",
)  # fmt: skip
_LINKS = ("HalfLogitLink", "IdentityLink", "Interval", "LogLink", "LogitLink", "MultinomialLogit")

# Objects whose attributes say all: made without their constructor, then given these.
ATTRIBUTES: Final = {
    name.rpartition(":")[2]: name
    for name in (
        "sklearn.calibration:_CalibratedClassifier",
        "sklearn.calibration:_SigmoidCalibration",
        "sklearn.dummy:DummyClassifier",
        "sklearn.dummy:DummyRegressor",
        "sklearn.ensemble._hist_gradient_boosting.binning:_BinMapper",
        "sklearn.linear_model._base:LinearRegression",
        "sklearn.linear_model._logistic:LogisticRegression",
        "sklearn.linear_model._ridge:Ridge",
        "sklearn.neural_network._stochastic_optimizers:AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers:SGDOptimizer",
        "sklearn.preprocessing._data:StandardScaler",
        "sklearn.preprocessing._label:LabelBinarizer",
        "sklearn.preprocessing._label:LabelEncoder",
        "sklearn.svm._classes:LinearSVC",
        "sklearn.tree._classes:DecisionTreeClassifier",
        "sklearn.tree._classes:DecisionTreeRegressor",
        "sklearn.tree._classes:ExtraTreeClassifier",
        "sklearn.tree._classes:ExtraTreeRegressor",
        *(f"sklearn._loss.loss:{name}" for name in _LOSSES),
        *(f"sklearn._loss.link:{name}" for name in _LINKS),
    )
}

# Compiled objects that a call with a few numbers makes.
CALLS: Final = {
    name.rpartition(":")[2]: name
    for name in (
        *(f"sklearn._loss._loss:Cy{name}" for name in _LOSSES),
        *(
            f"sklearn.linear_model._sgd_fast:{name}"
            for name in (
                "EpsilonInsensitive", "Hinge", "ModifiedHuber", "SquaredEpsilonInsensitive",
                "SquaredHinge",
            )
        ),
    )
}  # fmt: skip


@cache
def class_of(name: str, table: str = "attributes") -> type[Any] | None:
    """The class of an entry; None where the table has none of that name.

    Args:
        name: the key in the table.
        table: `attributes` or `calls`.
    """
    known = ATTRIBUTES if table == "attributes" else CALLS
    if name not in known:
        return None
    module, _, attribute = known[name].partition(":")
    found: type[Any] | None = getattr(import_module(module), attribute, None)
    return found
