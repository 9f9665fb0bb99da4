"""No table at all: for agents whose environment needs none."""

from __future__ import annotations

import numpy as np

from training.data.dataset import Dataset, Part
from training.data.pipeline import FeaturePipeline

FINGERPRINT = "none"


def no_data() -> Dataset:
    """A data set without rows and without features."""
    empty = Part(np.empty((0, 0), np.float32), np.empty(0, np.float32))
    return Dataset(
        train=empty,
        validation=empty,
        test=empty,
        features=(),
        task="regression",
        outputs=1,
        fingerprint=FINGERPRINT,
        pipeline=FeaturePipeline([], "none", "float32"),
        description={"source": "none", "rows": 0, "features": 0},
    )
