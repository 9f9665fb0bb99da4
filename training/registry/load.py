"""A registered model, ready to predict: without its training configuration's data or callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from training.types import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from training.data import FeaturePipeline
    from training.models import Model
    from training.registry.registry import ModelRegistry
    from training.registry.version import ModelVersion
    from training.types import Array

PREDICTED_AT_ONCE = 1024
"""Rows of a block: enough that a call costs little beside its rows, and that one row costs little
more than it must."""


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A version with its model and the feature pipeline that it was trained behind."""

    version: ModelVersion
    model: Model
    pipeline: FeaturePipeline

    def predict(self, frame: pd.DataFrame) -> Array:
        """Predictions for the rows after the pipeline's warm-up.

        Args:
            frame: the columns that the model was trained on, oldest row first.

        Raises:
            DataError: with all that is wrong with the rows, or too few of them.
        """
        return predict_in_blocks(self.model, self.pipeline.transform(frame))


def predict_in_blocks(model: Any, x: Array, *further: Array) -> Array:  # noqa: ANN401 - a Model, or one that is told more of each row
    """Predictions for all rows, a block at a time.

    The last bits of a product of matrices depend on its shape, so every block has the same: they
    are counted from the first row, and the last one is filled up with copies of its last row. Thus
    a prediction depends neither on how a file is cut nor on how many rows come after its own.
    """
    found = [
        model.predict(*(_block(rows, at) for rows in (x, *further)))
        for at in range(0, len(x), PREDICTED_AT_ONCE)
    ]
    predictions: Array = np.concatenate(found)[: len(x)]
    return predictions


def _block(rows: Array, at: int) -> Array:
    block = rows[at : at + PREDICTED_AT_ONCE]
    missing = PREDICTED_AT_ONCE - len(block)
    if missing == 0:
        return block
    return np.pad(block, [(0, missing), *[(0, 0)] * (block.ndim - 1)], mode="edge")


def load_model(
    registry: ModelRegistry, reference: str, trusted: Collection[str] = ()
) -> RegisteredModel:
    """Load a version; code that it names is imported only from trusted modules.

    Args:
        registry: where it is.
        reference: `NAME` or `NAME:VERSION`.
        trusted: modules of custom models that may be imported.

    Raises:
        NotFoundError: no such model or version.
        IntegrityError: bytes are not what its manifest says.
        ConfigError: its class is not among the trusted.
    """
    from pydantic import TypeAdapter

    from training.config import ModelConfig
    from training.config.model import trading_of
    from training.data import FeaturePipeline
    from training.models import ModelFactory

    version = registry.get(reference)
    config = TypeAdapter[ModelConfig](ModelConfig).validate_python(version.card["config"]["model"])
    model = ModelFactory(trusted).get_model(config, ModelSpec(**version.card["spec"]))
    model.load_state_dict({"weights": registry.weights(version)})
    pipeline = FeaturePipeline.from_state(registry.pipeline(version), trusted)
    trading = trading_of(config)
    if trading is not None:
        from training.registry.trading import TradingPolicy

        model = TradingPolicy(model, trading, several=pipeline.symbol is not None)
    return RegisteredModel(version, model, pipeline)
