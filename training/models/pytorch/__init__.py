"""Networks in PyTorch behind the `Model` protocol; imported when a configuration asks."""

from training.models.pytorch.model import TorchModel, build

__all__ = ["TorchModel", "build"]
