"""The registry of trained models."""

from training.registry.choose import open_registry
from training.registry.claims import CommittedFiles
from training.registry.compare import Differences
from training.registry.labels import Labels
from training.registry.load import RegisteredModel, load_model
from training.registry.reference import ModelReference
from training.registry.registry import ModelRegistry
from training.registry.version import ModelSummary, ModelVersion

__all__ = [
    "CommittedFiles",
    "Differences",
    "Labels",
    "ModelReference",
    "ModelRegistry",
    "ModelSummary",
    "ModelVersion",
    "RegisteredModel",
    "load_model",
    "open_registry",
]
