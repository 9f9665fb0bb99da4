"""Estimators of scikit-learn behind the `Model` protocol; imported when a configuration asks."""

from training.models.scikit.model import SklearnModel, build

__all__ = ["SklearnModel", "build"]
