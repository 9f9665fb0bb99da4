"""The registry of trained models."""

from training.registry.reference import ModelReference
from training.registry.registry import ModelRegistry, ModelSummary, ModelVersion

__all__ = ["ModelReference", "ModelRegistry", "ModelSummary", "ModelVersion"]
