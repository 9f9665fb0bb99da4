"""The engine in plain Python: train, be interrupted, go on, look at the history.

Run it anywhere: `python docs/examples/in_python.py`. It writes into a temporary folder.
"""

from __future__ import annotations

import tempfile

import numpy as np
import pandas as pd

from training import CallbackBase, DataConfig, DataManager, EarlyStoppingCallback, TrainingEngine
from training.callbacks import EpochRecord


class PowerCut(CallbackBase):
    """Fails once, after the third epoch."""

    happened = False

    def identity(self) -> None:
        """It changes no result, so the run with it is the same run."""

    def on_epoch_end(self, record: EpochRecord) -> None:
        """Fail."""
        if record.epoch == 3 and not self.happened:
            self.happened = True
            raise OSError("the lights went out")


def main() -> None:
    """Train on a small table, with an interruption."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(1000, 4)), columns=list("abcd"))
    table["y"] = table["a"] * table["b"] + 0.1 * random.normal(size=1000)
    config = DataConfig.model_validate(
        {
            "source": {"type": "dataframe"},
            "features": [{"type": "columns"}],
            "target": {"type": "column", "column": "y"},
        }
    )
    data = DataManager(config, frame=table)
    callbacks = [EarlyStoppingCallback(patience=3), PowerCut()]
    with tempfile.TemporaryDirectory() as folder:
        engine = TrainingEngine(folder, name="product")
        model, training = {"type": "mlp", "hidden": [16]}, {"epochs": 12, "seed": 3}
        try:
            engine.train(model, data, training, callbacks=callbacks)
        except Exception as error:  # noqa: BLE001 - this is what the example shows
            print(f"interrupted: {error}")
        result = engine.train(model, data, training, callbacks=callbacks)
        print(result.reason)
        print(result.history[["loss", "val_loss"]].round(4).to_string())
        print(f"test loss {result.metrics['test_loss']:.4f}, {result.model['digest'][:20]}…")


if __name__ == "__main__":
    main()
