"""Which registry: the embedded one, or that of an MLflow server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from training.errors import ConfigError
from training.registry.registry import ModelRegistry

if TYPE_CHECKING:
    from training.artifacts import ArtifactStore

VARIABLE = "RETRAIN_REGISTRY"


def open_registry(store: ArtifactStore) -> ModelRegistry:
    """The registry that RETRAIN_REGISTRY names; without it, the one in the storage.

    Args:
        store: the storage.

    Raises:
        ConfigError: it names no MLflow server.
    """
    url = os.environ.get(VARIABLE, "")
    if not url:
        return ModelRegistry(store)
    if not url.startswith(("http://", "https://")):
        raise ConfigError(
            f"{VARIABLE} = {url!r}; expected the URL of an MLflow server such as "
            "http://127.0.0.1:5000, or nothing: then the registry is in the storage"
        )
    from training.registry.mlflow import MlflowRegistry

    return MlflowRegistry(url)
