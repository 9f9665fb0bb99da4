"""Lightning: a trainer with all its defaults but the bar on the screen."""

from __future__ import annotations

import logging
import tempfile
import warnings
from typing import Any

import lightning
import torch
from common import BATCH, network, per_batch
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Module(lightning.LightningModule):  # type: ignore[misc]
    """The perceptron."""

    def __init__(self) -> None:
        """Make it."""
        super().__init__()
        self.network, self.loss_of = network(), torch.nn.MSELoss()

    def training_step(self, batch: Any, _index: int) -> Any:  # noqa: ANN401 - tensors
        """Loss of a batch."""
        loss = self.loss_of(self.network(batch[0]), batch[1])
        self.log("loss", loss, on_epoch=True)
        return loss

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - of torch
        """Adam."""
        return torch.optim.Adam(self.parameters())


def epoch(x: Any, y: Any) -> None:  # noqa: ANN401 - tensors
    """One."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            max_epochs=1, accelerator="cpu", default_root_dir=folder, enable_progress_bar=False
        )
        rows = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)
        trainer.fit(Module(), rows)


per_batch(lightning.__version__, epoch)
