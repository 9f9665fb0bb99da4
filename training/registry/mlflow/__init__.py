"""The registry over an MLflow server: metrics, artifacts, aliases in the places of MLflow."""

from training.registry.mlflow.registry import MlflowRegistry

__all__ = ["MlflowRegistry"]
