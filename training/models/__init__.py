"""Models that the factory makes, and the protocol that they follow."""

from training.models.base import Model
from training.models.factory import ModelFactory

__all__ = ["Model", "ModelFactory"]
