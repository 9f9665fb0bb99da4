"""The registry of trained models."""

from training.registry.load import RegisteredModel, load_model
from training.registry.reference import ModelReference
from training.registry.registry import ModelRegistry, ModelSummary, ModelVersion

__all__ = [
    "ModelReference",
    "ModelRegistry",
    "ModelSummary",
    "ModelVersion",
    "RegisteredModel",
    "load_model",
]
