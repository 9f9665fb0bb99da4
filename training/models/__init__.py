"""Models that the factory makes, and the protocol that they follow.

Importing this package imports no machine-learning library: an adapter is imported when a
configuration asks for it.
"""

from training.models.base import Model
from training.models.factory import ModelFactory

__all__ = ["Model", "ModelFactory"]
