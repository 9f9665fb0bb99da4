"""Keras on PyTorch: `fit`, silent."""

from __future__ import annotations

import os
from typing import Any

from common import BATCH, FEATURES, per_batch

os.environ["KERAS_BACKEND"] = "torch"

import keras


def epoch(x: Any, y: Any) -> None:  # noqa: ANN401 - tensors
    """One."""
    layers = [keras.Input((FEATURES,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "mse")
    model.fit(x.numpy(), y.numpy(), batch_size=BATCH, epochs=1, verbose=0)


per_batch(keras.__version__, epoch)
