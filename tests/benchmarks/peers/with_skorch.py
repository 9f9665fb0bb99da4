"""skorch: a regressor with its default callbacks, silent."""

from __future__ import annotations

from typing import Any

import skorch
import torch
from common import BATCH, network, per_batch


def epoch(x: Any, y: Any) -> None:  # noqa: ANN401 - tensors
    """One."""
    net = skorch.NeuralNetRegressor(
        network(), max_epochs=1, batch_size=BATCH, optimizer=torch.optim.Adam, lr=0.001,
        train_split=None, iterator_train__shuffle=True, verbose=0,
    )  # fmt: skip
    net.fit(x, y)


per_batch(skorch.__version__, epoch)
